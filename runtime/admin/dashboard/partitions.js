// A handler's partitions: where each stands, how far it lags, and what it waits for.

import { button, el, Keyed, show, text } from "./dom.js";
import { count, exact, plural, stands } from "./words.js";

// That many are shown, unless all are asked for: those that stand still, then those with the most lag.
const MOST = 50;

const COLUMNS = ["Partition", "Lag", "In flight", "Position", "Committed", "Oldest unfinished"];

export class Partitions {
  #all = false;
  #rows;
  #more = el("p", { class: "quiet" });
  #table;
  #last = null;
  #showAll = button("", () => {
    this.#all = !this.#all;
    if (this.#last) this.update(...this.#last);
  });

  constructor(name) {
    const body = el("tbody");
    this.#rows = new Keyed(body, () => new Row());
    const heads = COLUMNS.map((label) => el("th", { scope: "col" }, label));
    this.#table = el(
      "table",
      { class: "partitions" },
      el("caption", { class: "unseen" }, `Partitions of ${name}`),
      el("thead", {}, el("tr", {}, ...heads)),
      body,
    );
    this.node = el("div", {}, this.#table, el("div", { class: "more" }, this.#more, this.#showAll));
  }

  update(handler, overview) {
    this.#last = [handler, overview];
    const { partitions } = handler;
    const many = partitions.length > MOST;
    const shown = many && !this.#all ? worst(partitions) : partitions;
    this.#rows.update(shown, (one) => `${one.topic}/${one.partition}`, overview.now);
    show(this.#table, partitions.length > 0);
    text(this.#more, summary(partitions.length, shown.length));
    text(this.#showAll, this.#all ? `Show ${MOST}` : `Show all ${count(partitions.length)}`);
    show(this.#showAll, many);
  }
}

function summary(all, shown) {
  if (all === 0) return "This daemon has no partitions of it.";
  if (shown === all) return plural(all, "partition");
  return `${shown} of ${plural(all, "partition")}: those that stand still, and those with the most lag`;
}

// Those that somebody looks for first, in the order of their numbers, so that rows stay where they are.
function worst(partitions) {
  const places = new Map(partitions.map((one, place) => [one, place]));
  const badness = (a, b) => (b.stalled != null) - (a.stalled != null) || (b.lag ?? 0) - (a.lag ?? 0);
  const chosen = partitions.toSorted(badness).slice(0, MOST);
  return chosen.sort((a, b) => places.get(a) - places.get(b));
}

class Row {
  #cells = COLUMNS.map((label, place) => el(place === 0 ? "th" : "td", { "data-label": label, scope: place === 0 ? "row" : null }));

  constructor() {
    this.node = el("tr", {}, ...this.#cells);
  }

  update(one, now) {
    const cells = [
      `${one.topic}/${one.partition}`,
      one.lag == null ? "?" : exact(one.lag),
      exact(one["in-flight"]),
      exact(one.position),
      exact(one.committed),
      one.oldest ? `${one.oldest.offset}, ${stands(one.oldest, now)}` : "–",
    ];
    cells.forEach((cell, place) => text(this.#cells[place], cell));
    this.node.classList.toggle("stalled", one.stalled != null);
  }
}
