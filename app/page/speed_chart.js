// The total speed of the last minute, as a small line.

import { byId } from "./dom.js";
import { formatSpeed } from "./format.js";

const SPAN_MS = 60_000;
const SAMPLE_INTERVAL_MS = 950; // every other one of the ticks, which come twice a second
const DESCRIBE_INTERVAL_MS = 10_000;
const WIDTH = 120;
const HEIGHT = 24;

const [line, area, description] = byId("chart-line", "chart-area", "chart-description");

export class SpeedChart {
  /** @type {{at: number, speed: number}[]} */
  #samples = [];
  #describedAt = -Infinity;
  #reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");

  /**
   * Adds a sample. To be called at least once a second.
   * @param {number} bytesPerSecond
   * @param {number} now ms
   */
  sample(bytesPerSecond, now) {
    const last = this.#samples.at(-1);
    if (last && now >= last.at && now - last.at < SAMPLE_INTERVAL_MS) return;
    this.#samples.push({ at: now, speed: bytesPerSecond });
    this.#samples = this.#samples.filter(({ at }) => at <= now && now - at <= SPAN_MS);
    const describes = now - this.#describedAt >= DESCRIBE_INTERVAL_MS;
    // With reduced motion the line moves together with its description, not every second.
    if (!this.#reducedMotion.matches || describes) this.#draw(now);
    if (!describes) return;
    this.#describedAt = now;
    const highest = Math.max(...this.#samples.map(({ speed }) => speed));
    description.textContent =
      `Total speed in the last minute: ${formatSpeed(bytesPerSecond)} now, ${formatSpeed(highest)} at most.`;
  }

  /** @param {number} now ms */
  #draw(now) {
    const path = linePath(this.#samples, now);
    line.setAttribute("d", path);
    const [first] = this.#samples;
    const left = round(WIDTH * (1 - (now - first.at) / SPAN_MS));
    area.setAttribute("d", `${path}V${HEIGHT}H${left}Z`);
  }
}

/**
 * Scaled so that the highest sample touches the top; zero lies on the ground.
 * @param {{at: number, speed: number}[]} samples oldest first, at least one
 * @param {number} now ms
 * @returns {string} a path in a box of 120 × 24, the present at its right
 */
export function linePath(samples, now) {
  const highest = Math.max(1, ...samples.map(({ speed }) => speed));
  const points = samples.map(({ at, speed }) => {
    const x = WIDTH * (1 - (now - at) / SPAN_MS);
    const y = HEIGHT - 1 - (speed / highest) * (HEIGHT - 2);
    return `${round(x)} ${round(y)}`;
  });
  return `M${points.join("L")}`;
}

/**
 * @param {number} value
 * @returns {number} to a tenth: finer can't be seen
 */
function round(value) {
  return Math.round(value * 10) / 10;
}
