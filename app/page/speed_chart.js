// The speed of all downloads together over the last minute, as a small line.

import { speed } from "./format.js";

const SPAN_MS = 60_000;
const SAMPLE_INTERVAL_MS = 950; // of a tick that comes twice a second, every other one
const DESCRIBE_INTERVAL_MS = 10_000;
const WIDTH = 120;
const HEIGHT = 24;

export class SpeedChart {
  /** @type {{at: number, speed: number}[]} */
  #samples = [];
  #toldAt = -Infinity;
  #still = window.matchMedia("(prefers-reduced-motion: reduce)");
  #line;
  #area;
  #words;

  /**
   * @param {object} elements
   * @param {SVGPathElement} elements.line
   * @param {SVGPathElement} elements.area below the line
   * @param {HTMLElement} elements.words what the line shows, for who doesn't see it
   */
  constructor({ line, area, words }) {
    this.#line = line;
    this.#area = area;
    this.#words = words;
  }

  /**
   * To be called at least once a second.
   * @param {number} bytesPerSecond
   * @param {number} now ms
   */
  sample(bytesPerSecond, now) {
    const last = this.#samples.at(-1);
    if (last && now >= last.at && now - last.at < SAMPLE_INTERVAL_MS) return;
    this.#samples.push({ at: now, speed: bytesPerSecond });
    this.#samples = this.#samples.filter(({ at }) => at <= now && now - at <= SPAN_MS);
    const tells = now - this.#toldAt >= DESCRIBE_INTERVAL_MS;
    // Where motion is unwelcome it moves when the words change, not every second.
    if (!this.#still.matches || tells) this.#draw(now);
    if (!tells) return;
    this.#toldAt = now;
    const most = Math.max(...this.#samples.map((sample) => sample.speed));
    this.#words.textContent = `Total speed in the last minute: ${speed(bytesPerSecond)} now, ${speed(most)} at most.`;
  }

  /** @param {number} now ms */
  #draw(now) {
    const line = lineOf(this.#samples, now);
    this.#line.setAttribute("d", line);
    const [first] = this.#samples;
    const begin = round(WIDTH * (1 - (now - first.at) / SPAN_MS));
    this.#area.setAttribute("d", `${line}V${HEIGHT}H${begin}Z`);
  }
}

/**
 * Scaled so that the highest touches the top; nothing at all lies on the ground.
 * @param {{at: number, speed: number}[]} samples oldest first, at least one
 * @param {number} now ms
 * @returns {string} a path in a box of 120 × 24, the present at its right
 */
export function lineOf(samples, now) {
  const most = Math.max(1, ...samples.map((sample) => sample.speed));
  const points = samples.map(({ at, speed: height }) => {
    const x = WIDTH * (1 - (now - at) / SPAN_MS);
    const y = HEIGHT - 1 - (height / most) * (HEIGHT - 2);
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
