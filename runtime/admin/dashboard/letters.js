// A handler's dead letters: found, looked at one by one, and given back to the handler.

import { READING, look, of } from "./ask.js";
import { button, el, Keyed, show, text, textOrNothing } from "./dom.js";
import { inLine } from "./bytes.js";
import { Letter } from "./letter.js";
import { redriveButton } from "./redrive.js";
import { plural, time } from "./words.js";

export class Letters {
  #name;
  // How often it was asked for letters: what answers an earlier time comes too late.
  #asked = 0;
  // What was asked for when the letters that are shown were found.
  #found = new URLSearchParams();
  #form;
  #list = el("ul", { class: "letters" });
  #views;
  #summary = el("p", { class: "quiet", role: "status" });
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #redrive;

  constructor(name) {
    this.#name = name;
    this.#views = new Keyed(this.#list, () => new Line(this.#name, () => this.#ask()));
    this.#redrive = redriveButton("Redrive all of these", name, () => this.#found, "all letters that fit what was looked for", () => this.#ask());
    this.#form = el(
      "form",
      { class: "narrowing", onsubmit: (event) => (event.preventDefault(), this.#ask()) },
      field("Kind of error", el("input", { name: "kind", placeholder: "any", autocomplete: "off", spellcheck: "false" })),
      field("Source topic", el("input", { name: "source-topic", placeholder: "any", autocomplete: "off", spellcheck: "false" })),
      field("Key", el("input", { name: "key", placeholder: "any", autocomplete: "off", spellcheck: "false" })),
      el("button", {}, "Look"),
    );
    this.node = el("div", {}, this.#form, this.#problem, el("div", { class: "more" }, this.#summary, this.#redrive), this.#list);
  }

  // The topic is read when somebody looks, not each second.
  update() {
    if (this.#asked === 0) this.#ask();
  }

  #filter() {
    const told = [...new FormData(this.#form)].filter(([, value]) => value !== "");
    return new URLSearchParams(told);
  }

  async #ask() {
    const asked = ++this.#asked;
    const filter = this.#filter();
    text(this.#summary, "Reading the topic …");
    try {
      const { letters, more } = await look(`${of(this.#name, "dead-letters")}?${filter}`, READING);
      if (asked !== this.#asked) return;
      this.#found = filter;
      this.#views.update(letters, ({ letter }) => `${letter.partition}@${letter.offset}`);
      text(this.#summary, summary(letters.length, more));
      show(this.#redrive, letters.length > 0);
      show(this.#problem, false);
    } catch (error) {
      if (asked !== this.#asked) return;
      text(this.#summary, "");
      show(this.#redrive, false);
      textOrNothing(this.#problem, error.message);
    }
  }
}

function summary(letters, more) {
  if (letters === 0) return "No dead letters";
  return more ? `The first ${letters}; there are more` : plural(letters, "dead letter");
}

function field(label, input) {
  return el("label", {}, el("span", {}, label), input);
}

// A letter in a line, which unfolds.
class Line {
  #name;
  #changed;
  #at;
  #letter = null;
  #toggle = button("", () => this.#unfold(), { class: "letter", "aria-expanded": false });
  #below = el("div", { hidden: true });

  constructor(name, changed) {
    this.#name = name;
    this.#changed = changed;
    this.node = el("li", {}, this.#toggle, this.#below);
  }

  update(line) {
    if (this.#at) return;
    this.#at = `${line.letter.partition}@${line.letter.offset}`;
    const origin = line.origin ? `${line.origin.topic}/${line.origin.partition}@${line.origin.offset}` : "of unknown origin";
    const said = (line.text ?? "").split("\n", 1)[0];
    const redriven = line.redrives > 0 ? `, redriven ${line.redrives}×` : "";
    this.#toggle.append(
      el("span", { class: "origin" }, origin),
      el("span", { class: "quiet" }, `${line.timestamp == null ? "no time" : time(line.timestamp)}${redriven}`),
      el("span", { class: "said-of" }, `${line.kind ?? "unknown"}: ${said}`),
      el("span", { class: "quiet" }, line.key == null ? "no key" : `key ${inLine(line.key)}`),
    );
  }

  async #unfold() {
    const open = this.#below.hidden;
    show(this.#below, open);
    this.#toggle.setAttribute("aria-expanded", open);
    if (!open || this.#letter) return;
    try {
      this.#letter = new Letter(this.#name, this.#at, await look(of(this.#name, "dead-letters", this.#at), READING), this.#changed);
      this.#below.replaceChildren(this.#letter.node);
    } catch (error) {
      this.#below.replaceChildren(el("p", { class: "problem", role: "alert" }, error.message));
    }
  }
}
