// What unfolds below a handler: what can be done with it, and its partitions, revisions and so on, one at a time.

import { change, of } from "./ask.js";
import { confirm } from "./dialog.js";
import { attribute, button, el, show, text } from "./dom.js";
import { Hour } from "./hour.js";
import { Letters } from "./letters.js";
import { Log } from "./log.js";
import { Partitions } from "./partitions.js";
import { Revisions } from "./revisions.js";

// Each has a `node`, and `update(handler, overview)` while it is shown.
const PANELS = [
  ["Partitions", Partitions],
  ["Last hour", Hour],
  ["Revisions", Revisions],
  ["Dead letters", Letters],
  ["Log", Log],
];

export class Details {
  #name;
  #paused = null;
  #pause = button("", () => (this.#paused ? resume(this.#name) : pause(this.#name)));
  #about = el("p", { class: "quiet" });
  #tabs;
  #chosen = 0;
  #last = null;

  constructor(name, node) {
    this.#name = name;
    this.#tabs = PANELS.map(([label, Panel], place) => this.#tab(label, Panel, place));
    const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": `About ${name}`, onkeydown: (event) => this.#keys(event) });
    tabs.append(...this.#tabs.map((tab) => tab.button));
    node.append(
      el("div", { class: "about" }, this.#about, this.#pause),
      tabs,
      ...this.#tabs.map((tab) => tab.panel.node),
    );
    this.#choose(0);
  }

  update(handler, overview) {
    this.#last = [handler, overview];
    this.#paused = handler.paused;
    text(this.#pause, handler.paused ? "Resume" : "Pause");
    text(this.#about, `Group ${handler.group}, subscribed to ${handler.topics.join(", ")}`);
    this.#tabs[this.#chosen].panel.update(handler, overview);
  }

  #tab(label, Panel, place) {
    const panel = new Panel(this.#name);
    const word = label.replace(" ", "-");
    const ids = [`tab-${word}-${this.#name}`, `panel-${word}-${this.#name}`];
    for (const [name, value] of Object.entries({ id: ids[1], role: "tabpanel", "aria-labelledby": ids[0], tabindex: 0 })) {
      panel.node.setAttribute(name, value);
    }
    panel.node.classList.add("panel");
    const choice = button(label, () => this.#choose(place), { role: "tab", id: ids[0], "aria-controls": ids[1] });
    return { button: choice, panel };
  }

  #choose(place) {
    this.#chosen = place;
    this.#tabs.forEach((tab, at) => {
      attribute(tab.button, "aria-selected", at === place);
      attribute(tab.button, "tabindex", at === place ? 0 : -1);
      show(tab.panel.node, at === place);
    });
    if (this.#last) this.update(...this.#last);
  }

  // As in every list of tabs: the arrows go from one to the next.
  #keys(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#choose((this.#chosen + step + this.#tabs.length) % this.#tabs.length);
    this.#tabs[this.#chosen].button.focus();
  }
}

function pause(name) {
  confirm({
    title: `Pause ${name}?`,
    about:
      "What is under way ends at the next message, is written and committed. It keeps its partitions and is given nothing more until it is resumed, or the daemon restarts. Other daemons of its group go on.",
    label: "Pause",
    work: async () => {
      await change(of(name, "pause"));
      return `${name} is paused.`;
    },
  });
}

function resume(name) {
  confirm({
    title: `Resume ${name}?`,
    about: "It goes on where it stood, retries included.",
    label: "Resume",
    work: async () => {
      await change(of(name, "resume"));
      return `${name} goes on.`;
    },
  });
}
