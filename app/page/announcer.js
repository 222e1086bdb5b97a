// Announcements for screen readers: the connection, ends of downloads, and results of commands. Never progress.

import { withCount } from "./format.js";

const COLLECT_MS = 700;
const MAX_NAMED_ENDS = 3;

/** @typedef {"complete" | "failed" | "cancelled"} End */

/** Collects for a moment, so that a hundred simultaneous ends are one sentence. */
export class Announcer {
  /** @type {string[]} */
  #sentences = [];
  /** The first few by name, the rest by number. @type {Record<End, {count: number, names: string[]}>} */
  #ends = noEnds();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #region;

  /** @param {HTMLElement} region with role=status */
  constructor(region) {
    this.#region = region;
  }

  /** @param {string} sentence */
  announce(sentence) {
    this.#sentences.push(sentence);
    this.#timer ??= setTimeout(() => this.#flush(), COLLECT_MS);
  }

  /**
   * @param {End} end
   * @param {string} name
   */
  announceEnd(end, name) {
    const ends = this.#ends[end];
    ends.count += 1;
    if (ends.count <= MAX_NAMED_ENDS) ends.names.push(name);
    this.#timer ??= setTimeout(() => this.#flush(), COLLECT_MS);
  }

  #flush() {
    this.#timer = undefined;
    const sentences = this.#sentences.splice(0);
    for (const [end, { count, names }] of Object.entries(this.#ends)) {
      if (count > MAX_NAMED_ENDS) sentences.push(`${withCount(count, "download")} ${end}.`);
      else sentences.push(...names.map((name) => `${name}: ${end}.`));
    }
    this.#ends = noEnds();
    // Unchanged text isn't read again; a new paragraph is.
    const paragraph = document.createElement("p");
    paragraph.textContent = sentences.join(" ");
    this.#region.replaceChildren(paragraph);
  }
}

/** @returns {Record<End, {count: number, names: string[]}>} */
function noEnds() {
  return {
    complete: { count: 0, names: [] },
    failed: { count: 0, names: [] },
    cancelled: { count: 0, names: [] },
  };
}
