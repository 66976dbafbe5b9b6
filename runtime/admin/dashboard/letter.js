// One dead letter: why it is one, and its message byte for byte.

import { asHex, asText, inLine } from "./bytes.js";
import { attribute, button, el, text } from "./dom.js";
import { redriveButton } from "./redrive.js";

export class Letter {
  #value;
  #shown = el("pre", { tabindex: 0 });
  #ways;

  constructor(name, at, letter, changed) {
    this.#value = letter.value;
    const ways = [
      ["Text", asText],
      ["Hexadecimal", asHex],
    ];
    this.#ways = ways.map(([label, how]) => button(label, () => this.#show(label, how), { "aria-pressed": false }));
    const filter = new URLSearchParams({ at });
    this.node = el(
      "div",
      { class: "opened" },
      el("dl", { class: "pairs" }, ...facts(letter).map(([label, value]) => pair(label, value))),
      el("h3", {}, "Error"),
      el("pre", { tabindex: 0 }, letter.text ?? "none is told"),
      el("h3", {}, "Headers"),
      letter.headers.length === 0 ? el("p", { class: "quiet" }, "none") : headers(letter.headers),
      el("div", { class: "about" }, el("h3", {}, "Value"), el("div", { class: "ways" }, ...this.#ways)),
      this.#shown,
      el("div", { class: "actions" }, redriveButton("Redrive this one", name, () => filter, `the letter at ${at}`, changed)),
    );
    const [label, how] = letter.value?.base64 == null ? ways[0] : ways[1];
    this.#show(label, how);
  }

  #show(label, how) {
    text(this.#shown, how(this.#value));
    this.#ways.forEach((way) => attribute(way, "aria-pressed", way.textContent === label));
  }
}

function facts({ letter, handler, revision, attempts, redrives, kind, cut, key }) {
  const all = [
    ["Letter", `${letter.topic}/${letter.partition}@${letter.offset}`],
    ["Kind", kind],
    ["Attempts", attempts],
    ["Redrives", redrives],
    ["Handler", handler],
    ["Revision", revision],
    ["Cut", cut],
    ["Key", inLine(key)],
  ];
  return all.filter(([, value]) => value != null);
}

function pair(label, value) {
  return el("div", {}, el("dt", {}, label), el("dd", {}, String(value)));
}

function headers(all) {
  return el("dl", { class: "pairs headers" }, ...all.map(({ name, value }) => pair(inLine(name), inLine(value))));
}
