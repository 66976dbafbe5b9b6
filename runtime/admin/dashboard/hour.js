// A handler's last hour, which the daemon keeps: so it is there as soon as the page is.

import { look, of } from "./ask.js";
import { Chart } from "./chart.js";
import { el, textOrNothing } from "./dom.js";
import { count, duration, rate } from "./words.js";

const EVERY = 5_000;
const LATENCY = "Latency: from when a message was fetched until it, and all before it in its partition, was finished.";

export class Hour {
  #name;
  #asked = -Infinity;
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #finished = new Chart("Finished a second", rate);
  #failed = new Chart("Failed attempts a second", rate);
  #lag = new Chart("Lag", count);
  #half = new Chart("Latency, half within", duration);
  #most = new Chart("Latency, 99 % within", duration);

  constructor(name) {
    this.#name = name;
    const charts = [this.#finished, this.#lag, this.#half, this.#most, this.#failed];
    this.node = el("div", {}, this.#problem, el("div", { class: "charts" }, ...charts.map(({ node }) => node)), el("p", { class: "quiet" }, LATENCY));
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
      this.#half.update(points.map((point) => [point.at, point["latency-p50"]]), now);
      this.#most.update(points.map((point) => [point.at, point["latency-p99"]]), now);
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
