// Speeds of the last minute as a small line: the total of all downloads, or that of one.

import { byId } from "./dom.js";
import { formatSpeed } from "./format.js";
import { t } from "./messages.js";
import { SAMPLE_INTERVAL_MS, SPAN_MS } from "./speed_history.js";

/** @typedef {import("./speed_history.js").Sample} Sample */

const DESCRIBE_INTERVAL_MS = 10_000;
const WIDTH = 120;
const HEIGHT = 24;

const [totalLine, totalArea, description] = byId("chart-line", "chart-area", "chart-description");

/** The chart of the total speed. */
export class SpeedChart {
  /** @type {Sample[]} */
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
    if (!this.#reducedMotion.matches || describes) drawSpeeds(totalLine, totalArea, this.#samples, now);
    if (!describes) return;
    this.#describedAt = now;
    description.textContent = t("total_speeds", describeSpeeds(this.#samples));
  }
}

/**
 * @param {Element} line
 * @param {Element} area
 * @param {Sample[]} samples oldest first
 * @param {number} now ms
 */
export function drawSpeeds(line, area, samples, now) {
  if (samples.length === 0) {
    for (const path of [line, area]) path.removeAttribute("d");
    return;
  }
  const path = linePath(samples, now);
  line.setAttribute("d", path);
  const left = round(WIDTH * (1 - (now - samples[0].at) / SPAN_MS));
  area.setAttribute("d", `${path}V${HEIGHT}H${left}Z`);
}

/**
 * @param {Sample[]} samples oldest first, at least one
 * @returns {{now: string, most: string}} such as "5.0 MB/s" and "9.0 MB/s"
 */
export function describeSpeeds(samples) {
  const highest = Math.max(...samples.map(({ speed }) => speed));
  return { now: formatSpeed(samples[samples.length - 1].speed), most: formatSpeed(highest) };
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
