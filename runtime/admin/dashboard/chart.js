// A line over the last hour, or as much of it as is known, as SVG, with its highest value and its present one in words.

import { el, svg, text } from "./dom.js";
import { plural, span } from "./words.js";

const WIDTH = 600;
const HEIGHT = 90;
// What is shown at least, however short the daemon has been there.
const LEAST = 120_000;

export class Chart {
  #words;
  #now = el("span", { class: "present" });
  #highest = el("span", { class: "quiet" });
  #area = svg("path", { class: "area" });
  #line = svg("path", { class: "stroke" });
  #said = svg("title");
  #begin = el("span");

  // `words(value)` says a value.
  constructor(label, words) {
    this.#words = words;
    this.node = el(
      "figure",
      { class: "chart" },
      el("figcaption", {}, el("span", {}, label), this.#now, this.#highest),
      svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, this.#said, this.#area, this.#line),
      el("div", { class: "hours quiet", "aria-hidden": "true" }, this.#begin, el("span", {}, "now")),
    );
  }

  // `points` are pairs of a time and a value, which is null where none is known: the line breaks off there.
  update(points, now) {
    const known = points.filter(([, value]) => value != null);
    const highest = Math.max(0, ...known.map(([, value]) => value));
    const present = known.at(-1)?.[1];
    text(this.#now, this.#words(present));
    text(this.#highest, `at most ${this.#words(highest)}`);
    text(this.#said, `${plural(known.length, "point")}, now ${this.#words(present)}, at most ${this.#words(highest)}`);
    const wide = Math.max(LEAST, now - (points[0]?.[0] ?? now));
    text(this.#begin, `${span(wide)} ago`);
    const x = (time) => (WIDTH * (1 - (now - time) / wide)).toFixed(1);
    const y = (value) => (HEIGHT - 2 - ((HEIGHT - 6) * value) / (highest || 1)).toFixed(1);
    const strokes = runs(points).map((run) => run.map(([time, value]) => `${x(time)},${y(value)}`));
    this.#line.setAttribute("d", strokes.map((run) => `M${run.join("L")}h0`).join(""));
    const foot = (run, at) => `${run.at(at).split(",")[0]},${HEIGHT}`;
    this.#area.setAttribute("d", strokes.map((run) => `M${foot(run, 0)}L${run.join("L")}L${foot(run, -1)}Z`).join(""));
  }
}

// Pieces without a gap.
function runs(points) {
  const all = [[]];
  for (const point of points) {
    if (point[1] != null) all.at(-1).push(point);
    else if (all.at(-1).length > 0) all.push([]);
  }
  return all.filter((run) => run.length > 0);
}
