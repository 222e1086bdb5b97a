// Announcements for screen readers: the connection, ends of downloads, and results of commands. Never progress.

import { byId } from "./dom.js";
import { withCount } from "./format.js";

const COLLECT_MS = 700;
const MAX_NAMED_ENDS = 3;

/** @typedef {"complete" | "failed" | "cancelled"} End */

const [region] = byId("announcer");
/** @type {string[]} */
const sentences = [];
/** The first few by name, the rest by number. */
let ends = noEnds();
/** Collects for a moment, so that a hundred simultaneous ends are one sentence. @type {number | undefined} */
let timer;

/** @param {string} sentence */
export function announce(sentence) {
  sentences.push(sentence);
  timer ??= setTimeout(flush, COLLECT_MS);
}

/**
 * @param {End} end
 * @param {string} name
 */
export function announceEnd(end, name) {
  ends[end].count += 1;
  if (ends[end].count <= MAX_NAMED_ENDS) ends[end].names.push(name);
  timer ??= setTimeout(flush, COLLECT_MS);
}

function flush() {
  timer = undefined;
  for (const [end, { count, names }] of Object.entries(ends)) {
    if (count > MAX_NAMED_ENDS) sentences.push(`${withCount(count, "download")} ${end}.`);
    else sentences.push(...names.map((name) => `${name}: ${end}.`));
  }
  ends = noEnds();
  // Unchanged text isn't read again; a new paragraph is.
  const paragraph = document.createElement("p");
  paragraph.textContent = sentences.splice(0).join(" ");
  region.replaceChildren(paragraph);
}

/** @returns {Record<End, {count: number, names: string[]}>} */
function noEnds() {
  return {
    complete: { count: 0, names: [] },
    failed: { count: 0, names: [] },
    cancelled: { count: 0, names: [] },
  };
}
