// How many messages a handler finishes in a second, from what the daemon has counted.

const WINDOW = 10_000;

export class Throughput {
  #samples = [];

  add(handler, overview, before) {
    // Another life of the daemon counts from nothing.
    if (before && before.started !== overview.started) this.#samples = [];
    const { handled, skipped } = handler.counts;
    this.#samples.push([overview.now, handled + skipped + handler.counts["dead-lettered"]]);
    while (this.#samples.length > 2 && this.#samples[0][0] < overview.now - WINDOW) this.#samples.shift();
  }

  // Over the last ten seconds; null until that is known.
  perSecond() {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (!first || first === last || last[0] <= first[0]) return null;
    return Math.max(0, ((last[1] - first[1]) * 1000) / (last[0] - first[0]));
  }
}
