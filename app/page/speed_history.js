// The speed of each running download in the last minute. Pure: no DOM, no clock.

/** @typedef {{at: number, speed: number}} Sample at: ms; speed: bytes a second */

export const SPAN_MS = 60_000;
export const SAMPLE_INTERVAL_MS = 950; // every other one of the ticks, which come twice a second
/** More don't run simultaneously where anybody looks at one. */
const MAX_DOWNLOADS = 500;

export class SpeedHistory {
  /** By the id of the download, oldest first. @type {Map<string, Sample[]>} */
  #samples = new Map();
  #sampledAt = -Infinity;

  /**
   * Adds a sample of each. To be called at least once a second.
   * @param {Iterable<import("./downloads.js").Download>} downloads
   * @param {number} now ms
   */
  sample(downloads, now) {
    if (now >= this.#sampledAt && now - this.#sampledAt < SAMPLE_INTERVAL_MS) return;
    this.#sampledAt = now;
    for (const [id, samples] of this.#samples) {
      while (samples.length > 0 && now - samples[0].at > SPAN_MS) samples.shift();
      if (samples.length === 0) this.#samples.delete(id);
    }
    for (const { id, speed } of downloads) {
      if (speed === null || (!this.#samples.has(id) && this.#samples.size >= MAX_DOWNLOADS)) continue;
      const samples = this.#samples.get(id) ?? [];
      samples.push({ at: now, speed });
      this.#samples.set(id, samples);
    }
  }

  /**
   * @param {string} id
   * @returns {Sample[]} oldest first
   */
  of(id) {
    return this.#samples.get(id) ?? [];
  }
}
