// Announcements for screen readers: the connection, ends of downloads and jobs, and results of commands. Never progress.

import { byId } from "./dom.js";
import { t } from "./messages.js";

const COLLECT_MS = 700;
const MAX_NAMED_ENDS = 3;

/** @typedef {"complete" | "failed" | "cancelled"} End */
/** @typedef {import("./messages.js").Key} Key */

/** Of one, and of many. @type {Readonly<Record<End, [Key, Key]>>} */
const ENDS = {
  complete: ["end_complete", "ends_complete"],
  failed: ["end_failed", "ends_failed"],
  cancelled: ["end_cancelled", "ends_cancelled"],
};

/** @type {Partial<Record<string, End>>} */
export const ENDS_OF_STATES = { complete: "complete", error: "failed", cancelled: "cancelled" };

const [region] = byId("announcer");
/** @type {string[]} */
const sentences = [];
/** The names of those that have ended. @type {Record<End, string[]>} */
const ends = { complete: [], failed: [], cancelled: [] };
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
  ends[end].push(name);
  timer ??= setTimeout(flush, COLLECT_MS);
}

/**
 * @param {End} end
 * @param {string} name
 * @returns {string}
 */
export function sayEnd(end, name) {
  return t(ENDS[end][0], { name });
}

function flush() {
  timer = undefined;
  for (const [end, names] of /** @type {[End, string[]][]} */ (Object.entries(ends))) {
    const ended = names.splice(0);
    if (ended.length > MAX_NAMED_ENDS) sentences.push(t(ENDS[end][1], { count: ended.length }));
    else sentences.push(...ended.map((name) => `${sayEnd(end, name)}${t("full_stop")}`));
  }
  // Unchanged text isn't read again; a new paragraph is.
  const paragraph = document.createElement("p");
  paragraph.textContent = sentences.splice(0).join(" ");
  region.replaceChildren(paragraph);
}
