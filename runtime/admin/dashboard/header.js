// What stands above all handlers: how everything is in a sentence, and whether the daemon answers at all.

import { change } from "./ask.js";
import { confirm } from "./dialog.js";
import { attribute, button, show, text } from "./dom.js";
import { plural, span, time } from "./words.js";

// From worst to well.
export const STATES = ["failed", "troubled", "waiting", "paused", "running"];

export class Header {
  #verdict = document.getElementById("verdict");
  #about = document.getElementById("about");
  #reload = document.getElementById("reload");

  constructor() {
    this.#reload.addEventListener("click", reload);
  }

  update(overview) {
    const { handlers, version, started, now, config } = overview;
    const verdict = sentence(handlers);
    text(this.#verdict, verdict);
    const worst = STATES.find((state) => handlers.some((one) => one.state === state));
    attribute(this.#verdict, "data-state", worst ?? "waiting");
    const about = [`Pelton ${version}`, `up ${span(now - started)}`, config, ...overview.troubles];
    text(this.#about, about.join(" · "));
    document.title = `${verdict} · Pelton`;
    this.#reload.disabled = false;
  }

  // What was said of the handlers is not known to be so any more.
  away() {
    text(this.#verdict, "No answer from the daemon");
    attribute(this.#verdict, "data-state", "failed");
    document.title = "No answer · Pelton";
    this.#reload.disabled = true;
  }
}

function sentence(handlers) {
  const all = handlers.length;
  if (all === 0) return "No handlers";
  const counts = STATES.map((state) => [state, handlers.filter((one) => one.state === state).length]);
  const apart = counts.filter(([state, number]) => number > 0 && state !== "running");
  if (apart.length === 0) return all === 1 ? "The handler is running" : `All ${plural(all, "handler")} are running`;
  const parts = apart.map(([state, number]) => `${number} ${state}`);
  return `${parts.join(", ")} of ${plural(all, "handler")}`;
}

function reload() {
  confirm({
    title: "Reload the configuration?",
    about:
      "The file is read anew. Handlers that changed begin again, new ones begin, and those that are gone stop; the others go on. A file with a mistake changes nothing.",
    label: "Reload",
    work: async () => reloaded(await change("/v1/reload")),
  });
}

function reloaded(told) {
  const parts = ["added", "removed", "changed", "reconfigured"]
    .filter((what) => told[what].length > 0)
    .map((what) => `${what} ${told[what].join(", ")}`);
  return parts.length === 0 ? "Reloaded: nothing has changed." : `Reloaded: ${parts.join("; ")}.`;
}

export class Banner {
  #node = document.getElementById("banner");
  #line = document.createElement("span");
  #enter;

  constructor(enterToken) {
    this.#enter = button("Enter the token", enterToken);
    this.#node.append(this.#line, this.#enter);
  }

  well() {
    show(this.#node, false);
    document.body.classList.remove("stale");
  }

  // Nobody answers; what is shown is as it was. The line doesn't tick: it would be read out again and again.
  away(before) {
    const shown = before ? ` What you see is as of ${time(before.now)}.` : "";
    this.#say(`It may be restarting; it is asked again each second.${shown}`);
  }

  refused(error) {
    this.#say(error.message);
  }

  locked() {
    this.#say("This daemon tells nothing without its token.", true);
  }

  #say(line, token = false) {
    text(this.#line, line);
    show(this.#enter, token);
    show(this.#node, true);
    document.body.classList.add("stale");
  }
}
