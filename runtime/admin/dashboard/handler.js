// One handler: how it stands in a few lines, and what unfolds below.

import { attribute, button, el, show, text, textOrNothing } from "./dom.js";
import { Details } from "./details.js";
import { Throughput } from "./throughput.js";
import { count, plural, rate, span, stands } from "./words.js";

const FIGURES = [
  ["lag", "Lag"],
  ["rate", "Per second"],
  ["flight", "In flight"],
  ["retried", "Retried"],
  ["dead", "Dead letters"],
];

export class Handler {
  #name;
  #throughput = new Throughput();
  #details = null;
  #last = null;
  #toggle;
  #state = el("span", { class: "state" });
  #reasons = el("p", { class: "reasons" });
  #revision = el("p", { class: "quiet" });
  #oldest = el("p", { class: "line" });
  #error = el("p", { class: "line" });
  #figures = {};
  #below;

  constructor(name) {
    this.#name = name;
    const id = `handler-${name}`;
    this.#toggle = button(el("span", { class: "name" }, name), () => this.#unfold(), {
      class: "toggle",
      "aria-expanded": false,
      "aria-controls": id,
    });
    this.#below = el("div", { id, class: "below", hidden: true });
    const figures = FIGURES.map(([key, label]) => {
      this.#figures[key] = el("dd");
      return el("div", {}, el("dt", {}, label), this.#figures[key]);
    });
    this.node = el(
      "li",
      { class: "handler" },
      el(
        "div",
        { class: "head" },
        el("div", { class: "who" }, el("h2", {}, this.#toggle, this.#state), this.#revision),
        el("dl", { class: "figures" }, ...figures),
      ),
      this.#reasons,
      this.#oldest,
      this.#error,
      this.#below,
    );
    if (location.hash === `#${encodeURIComponent(name)}`) this.#unfold();
  }

  update(handler, overview, before) {
    const { now } = overview;
    const idle = handler.partitions.length === 0;
    this.#last = [handler, overview];
    this.#throughput.add(handler, overview, before);
    attribute(this.node, "data-state", handler.state);
    text(this.#state, handler.state);
    textOrNothing(this.#reasons, reasons(handler, idle));
    text(this.#revision, revision(handler, now));
    textOrNothing(this.#oldest, oldest(handler, now));
    textOrNothing(this.#error, lastError(handler, now));
    this.#figure("lag", idle ? null : handler.lag);
    this.#figure("rate", this.#throughput.perSecond(), rate);
    this.#figure("flight", idle ? null : handler["in-flight"]);
    this.#figure("retried", handler.counts.retried);
    this.#figure("dead", handler.counts["dead-lettered"]);
    if (this.#details && !this.#below.hidden) this.#details.update(handler, overview);
  }

  #figure(key, value, words = count) {
    const node = this.#figures[key];
    text(node, words(value));
    attribute(node, "class", value ? "" : "naught");
  }

  // What is below is only made, and kept up, for those who look at it.
  #unfold() {
    const open = this.#below.hidden;
    this.#details ??= new Details(this.#name, this.#below);
    show(this.#below, open);
    attribute(this.#toggle, "aria-expanded", open);
    history.replaceState(null, "", open ? `#${encodeURIComponent(this.#name)}` : location.pathname);
    if (open && this.#last) this.#details.update(...this.#last);
  }
}

function reasons(handler, idle) {
  const why = [...handler.reasons, handler.behind].filter(Boolean);
  if (why.length > 0) return why.join("\n");
  if (handler.paused) return "An operator has paused it: it keeps its partitions and is given nothing more.";
  return idle ? "It stands by: the other members of its group have all partitions." : null;
}

function revision({ revision }, now) {
  if (!revision) return "No revision runs";
  const probation = revision.probation ? ", on probation" : "";
  return `Revision ${revision.revision} for ${span(now - revision.since)}${probation}`;
}

// The message that has stood longest at its place, where that is worth a line: what is under way for a moment isn't.
function oldest(handler, now) {
  const stuck = handler.partitions.filter((one) => one.oldest && now - one.oldest.since >= 2_000);
  if (stuck.length === 0) return null;
  const first = stuck.reduce((a, b) => (b.oldest.since < a.oldest.since ? b : a));
  const more = stuck.length > 1 ? `; ${plural(stuck.length - 1, "other partition")} too` : "";
  return `Oldest unfinished: ${first.topic}/${first.partition} offset ${first.oldest.offset}, ${stands(first.oldest, now)}${more}`;
}

function lastError({ "last-error": error }, now) {
  if (!error) return null;
  const { topic, partition, offset, attempt, kind, then } = error;
  const said = error.text.split("\n", 1)[0];
  return `Last error ${span(now - error.at)} ago: ${topic}/${partition} offset ${offset}, attempt ${attempt}, ${kind}, ${then}: ${said}`;
}
