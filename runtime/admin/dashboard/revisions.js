// A handler's revisions: which one runs, which one stood before it, what happened last; and going from one to another.

import { change, look, of } from "./ask.js";
import { confirm } from "./dialog.js";
import { button, el, Keyed, show, text, textOrNothing } from "./dom.js";
import { exact, time } from "./words.js";

// Asked anew so often while it is shown.
const EVERY = 3_000;

export class Revisions {
  #name;
  #report = null;
  #asked = -Infinity;
  #running = el("dd");
  #previous = el("dd");
  #probation = el("dd");
  #refused = el("p", { class: "problem", hidden: true });
  #fault = el("pre", { tabindex: 0 });
  #faulty;
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #history;
  #rollBack = button("Roll back", () => this.#askRollBack(), { disabled: true });
  #reload = button("Load the file", () => this.#askReload());
  #force = button("Load it all the same", () => this.#askForce());

  constructor(name) {
    this.#name = name;
    const list = el("ol", { class: "history" });
    this.#history = new Keyed(list, () => new Line());
    const pair = (label, value) => el("div", {}, el("dt", {}, label), value);
    this.#faulty = el("div", {}, el("h3", {}, "Last fault"), this.#fault);
    this.node = el(
      "div",
      {},
      this.#problem,
      el(
        "dl",
        { class: "pairs" },
        pair("Running", this.#running),
        pair("Before it", this.#previous),
        pair("Probation", this.#probation),
      ),
      this.#refused,
      el("div", { class: "actions" }, this.#rollBack, this.#reload, this.#force),
      this.#faulty,
      el("h3", {}, "What happened last"),
      list,
    );
  }

  update() {
    if (performance.now() - this.#asked < EVERY) return;
    this.#asked = performance.now();
    this.#ask();
  }

  async #ask() {
    try {
      this.#show(await look(of(this.#name, "revisions")));
      show(this.#problem, false);
    } catch (error) {
      textOrNothing(this.#problem, error.message);
    }
  }

  #show(report) {
    this.#report = report;
    const { running, previous, probation, refused, "last-fault": fault } = report;
    text(this.#running, report.loading ? `${named(running)}; another is being compiled or tried` : named(running));
    text(this.#previous, named(previous));
    text(this.#probation, probation ? trial(probation) : "none");
    textOrNothing(this.#refused, refused && `The file's content (${short(refused.component)}) is not taken: ${refused.why}`);
    show(this.#force, refused != null);
    this.#rollBack.disabled = previous == null;
    show(this.#faulty, fault != null);
    if (fault) text(this.#fault, told(fault));
    const latest = report.history.toReversed();
    this.#history.update(latest, (one) => `${one.at} ${one.what}`);
  }

  #askRollBack() {
    const { running, previous } = this.#report;
    confirm({
      title: `Roll ${this.#name} back?`,
      about: `Revision ${previous?.revision} takes over from ${running?.revision} at the next message, without a rebalance. What the file holds is not taken again until it changes.`,
      label: "Roll back",
      danger: true,
      work: () => this.#change("rollback", (report) => `${this.#name} runs ${report.running?.revision} again.`),
    });
  }

  #askReload() {
    confirm({
      title: `Load the component of ${this.#name}?`,
      about: "Its file is read, compiled and tried now. If it is another one and good, it takes over at the next message.",
      label: "Load",
      work: () => this.#change("reload", (report) => `${this.#name} runs ${report.running?.revision}.`),
    });
  }

  #askForce() {
    confirm({
      title: `Load it although it was refused?`,
      about: `What the file of ${this.#name} holds was refused or rolled back: ${this.#report.refused?.why}. It is tried again.`,
      label: "Load it all the same",
      danger: true,
      work: () => this.#change("reload?force=true", (report) => `${this.#name} runs ${report.running?.revision}.`),
    });
  }

  async #change(what, words) {
    const report = await change(`${of(this.#name)}/${what}`);
    this.#show(report);
    return words(report);
  }
}

class Line {
  #at = el("time");
  #what = el("span");
  node = el("li", {}, this.#at, this.#what);

  update({ at, what }) {
    text(this.#at, time(at));
    text(this.#what, what);
  }
}

function named(revision) {
  return revision ? `${revision.revision} (component ${short(revision.component)})` : "none";
}

function short(digest) {
  return digest.slice(0, 12);
}

function trial({ votes, of, until }) {
  return `until ${time(until)}; ${exact(votes)} of ${exact(of)} votes against it`;
}

function told(fault) {
  return `${time(fault.at)}, revision ${fault.revision}, ${fault.partition} offset ${fault.offset}, ${fault.kind}\n${fault.text}`;
}
