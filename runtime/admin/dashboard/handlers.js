// The list of handlers: which are shown, and in which order.
//
// Invariant: nothing moves under somebody's hand. Who needs attention stands first, but the order stays as it is while
// the keyboard's focus is in the list or the pointer moves over it.

import { button, attribute, Keyed, show, text } from "./dom.js";
import { Handler } from "./handler.js";
import { STATES } from "./header.js";

const HAND_RESTS = 3_000;

export class Handlers {
  #list = document.getElementById("handlers");
  #none = document.getElementById("none");
  #filter = document.getElementById("filter");
  #views = new Keyed(this.#list, (handler) => new Handler(handler.handler));
  #chips = new Chips(() => this.#draw());
  #overview = null;
  #before = null;
  #moved = -HAND_RESTS;

  constructor() {
    this.#filter.addEventListener("input", () => this.#draw());
    this.#list.addEventListener("pointermove", () => (this.#moved = performance.now()));
    document.addEventListener("keydown", (event) => this.#slash(event));
  }

  update(overview, before) {
    this.#overview = overview;
    this.#before = before;
    this.#draw();
  }

  #draw() {
    if (!this.#overview) return;
    const { handlers } = this.#overview;
    this.#chips.update(handlers);
    const ordered = this.#handsOn() ? this.#asBefore(handlers) : handlers.toSorted(worstFirst);
    this.#views.update(ordered, (one) => one.handler, this.#overview, this.#before);
    const words = this.#filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of handlers) {
      const fits = this.#chips.fits(one) && matches(one, words);
      show(this.#views.get(one.handler).node, fits);
      shown += fits;
    }
    text(this.#none, handlers.length === 0 ? "Nothing is configured." : "No handler is like that.");
    show(this.#none, shown === 0);
  }

  #handsOn() {
    const moves = performance.now() - this.#moved < HAND_RESTS;
    return moves || this.#list.contains(document.activeElement);
  }

  #asBefore(handlers) {
    const places = new Map(this.#views.keys().map((name, place) => [name, place]));
    const place = (one) => places.get(one.handler) ?? Infinity;
    return handlers.toSorted((a, b) => place(a) - place(b) || byName(a, b));
  }

  // As elsewhere, a slash goes to where one looks for something.
  #slash(event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, textarea, select") || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.#filter.focus();
  }
}

function worstFirst(a, b) {
  return STATES.indexOf(a.state) - STATES.indexOf(b.state) || byName(a, b);
}

function byName(a, b) {
  return a.handler < b.handler ? -1 : 1;
}

function matches({ handler, group, topics }, words) {
  const all = [handler, group, ...topics].join(" ").toLowerCase();
  return words.every((word) => all.includes(word));
}

// How many handlers stand how; each is a button that shows only those.
class Chips {
  #node = document.getElementById("states");
  #chosen = null;
  #views;

  constructor(changed) {
    this.#views = new Keyed(this.#node, (item) => new Chip(item.state, (state) => {
      this.#chosen = state === this.#chosen ? null : state;
      changed();
    }));
  }

  fits(handler) {
    return this.#chosen === null || handler.state === this.#chosen;
  }

  update(handlers) {
    const items = STATES.map((state) => ({
      state,
      number: handlers.filter((one) => one.state === state).length,
      chosen: state === this.#chosen,
    }));
    // The one that is chosen stays, so that it can be let go of.
    this.#views.update(
      items.filter((item) => item.number > 0 || item.chosen),
      (item) => item.state,
    );
  }
}

class Chip {
  constructor(state, chosen) {
    this.node = button("", () => chosen(state), { class: "chip", "data-state": state });
  }

  update({ state, number, chosen }) {
    text(this.node, `${number} ${state}`);
    attribute(this.node, "aria-pressed", chosen);
  }
}
