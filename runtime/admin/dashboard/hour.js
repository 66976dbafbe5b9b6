// A handler's last hour, which the daemon keeps: so it is there as soon as the page is.

import { look, of } from "./ask.js";
import { Chart } from "./chart.js";
import { el, textOrNothing } from "./dom.js";
import { count, rate } from "./words.js";

const EVERY = 5_000;

export class Hour {
  #name;
  #asked = -Infinity;
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #finished = new Chart("Finished a second", rate);
  #failed = new Chart("Failed attempts a second", rate);
  #lag = new Chart("Lag", count);

  constructor(name) {
    this.#name = name;
    this.node = el("div", {}, this.#problem, el("div", { class: "charts" }, this.#finished.node, this.#lag.node, this.#failed.node));
  }

  update(_handler, { now }) {
    if (performance.now() - this.#asked < EVERY) return;
    this.#asked = performance.now();
    this.#ask(now);
  }

  async #ask(now) {
    try {
      const { points } = await look(of(this.#name, "history"));
      this.#finished.update(perSecond(points, "finished"), now);
      this.#failed.update(perSecond(points, "failed"), now);
      this.#lag.update(points.map(({ at, lag }) => [at, lag]), now);
      textOrNothing(this.#problem, "");
    } catch (error) {
      textOrNothing(this.#problem, error.message);
    }
  }
}

// What was counted between one point and the next, in a second.
function perSecond(points, what) {
  return points.slice(1).map((point, before) => {
    const { [what]: counted, at } = points[before];
    return [point.at, Math.max(0, ((point[what] - counted) * 1000) / Math.max(1, point.at - at))];
  });
}
