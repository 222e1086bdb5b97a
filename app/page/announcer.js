// What a screen reader is told: the connection, ends, and answers to what the person did. Never progress.

import { counted } from "./format.js";

const COLLECT_MS = 700;
const ENDS_BY_NAME = 3;

/** @typedef {"complete" | "failed" | "cancelled"} End */

/** Collects for a moment, so that a hundred ends at once are one sentence. */
export class Announcer {
  /** @type {string[]} */
  #sentences = [];
  /** The names of the first few suffice; the rest is counted. @type {Record<End, {count: number, names: string[]}>} */
  #ends = none();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #region;

  /** @param {HTMLElement} region with role=status */
  constructor(region) {
    this.#region = region;
  }

  /** @param {string} sentence */
  say(sentence) {
    this.#sentences.push(sentence);
    this.#timer ??= setTimeout(() => this.#speak(), COLLECT_MS);
  }

  /**
   * @param {End} end
   * @param {string} name
   */
  ended(end, name) {
    const ends = this.#ends[end];
    ends.count += 1;
    if (ends.count <= ENDS_BY_NAME) ends.names.push(name);
    this.#timer ??= setTimeout(() => this.#speak(), COLLECT_MS);
  }

  #speak() {
    this.#timer = undefined;
    const spoken = this.#sentences.splice(0);
    for (const [end, { count, names }] of Object.entries(this.#ends)) {
      if (count > ENDS_BY_NAME) spoken.push(`${counted(count, "download")} ${end}.`);
      else spoken.push(...names.map((name) => `${name}: ${end}.`));
    }
    this.#ends = none();
    // Text that stays the same isn't read again; a new paragraph is.
    const paragraph = document.createElement("p");
    paragraph.textContent = spoken.join(" ");
    this.#region.replaceChildren(paragraph);
  }
}

/** @returns {Record<End, {count: number, names: string[]}>} */
function none() {
  return {
    complete: { count: 0, names: [] },
    failed: { count: 0, names: [] },
    cancelled: { count: 0, names: [] },
  };
}
