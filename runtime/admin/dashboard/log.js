// The last lines of the log about a handler, the newest first.

import { look, of } from "./ask.js";
import { el, show, text, textOrNothing } from "./dom.js";
import { time } from "./words.js";

const EVERY = 2_000;

export class Log {
  #name;
  #asked = -Infinity;
  #shown = "";
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #about = el("p", { class: "quiet" });
  #lines = el("ol", { class: "log" });

  constructor(name) {
    this.#name = name;
    this.node = el("div", {}, this.#problem, this.#about, this.#lines);
  }

  update() {
    if (performance.now() - this.#asked < EVERY) return;
    this.#asked = performance.now();
    this.#ask();
  }

  async #ask() {
    try {
      const { lines } = await look(of(this.#name, "log"));
      this.#show(lines);
      textOrNothing(this.#problem, "");
    } catch (error) {
      textOrNothing(this.#problem, error.message);
    }
  }

  #show(lines) {
    text(this.#about, lines.length > 0 ? "The newest first. What the component said itself is marked with its name." : "Nothing was logged about it yet.");
    show(this.#lines, lines.length > 0);
    // Lines that stay keep what is selected in them.
    const now = JSON.stringify(lines);
    if (now === this.#shown) return;
    this.#shown = now;
    this.#lines.replaceChildren(...lines.toReversed().map((one) => line(one, this.#name)));
  }
}

function line({ at, level, guest, text }, name) {
  return el(
    "li",
    { "data-level": level },
    el("time", { class: "quiet", datetime: new Date(at).toISOString() }, time(at)),
    el("span", { class: "level" }, level),
    el("span", { class: "said" }, guest ? el("b", {}, `${name}: `) : null, text),
  );
}
