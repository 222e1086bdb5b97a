// The order of those that wait, from the next one that a worker claims down. Pure: no DOM, no clock.

import { isPrioritizable } from "./row_actions.js";

/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {"first" | "last" | {before: string} | {after: string}} Position in the queue, as the server takes it */

/** Below all downloads of the queue: jobs of other kinds, and below these what is paused, the newest first. */
const OTHERS = -5e14;
const PAUSED = -1e15;

/**
 * @param {Pick<Download, "state" | "queueRank">} download
 * @param {number} time ms
 * @returns {number} the greater the higher among those that wait
 */
export function waitingRank({ state, queueRank }, time) {
  if (state === "paused") return PAUSED + time;
  return queueRank === null ? OTHERS + time : -queueRank;
}

/**
 * @param {number} rank
 * @returns {boolean} whether it is that of a download in the queue
 */
export function isQueueRank(rank) {
  return rank > OTHERS / 2;
}

/**
 * @param {Download} download
 * @returns {boolean} whether a worker can claim it now, so that its place in the queue can be another one
 */
export function isMovable(download) {
  return isPrioritizable(download) && download.queueRank !== null && download.startAt === 0;
}

/**
 * @param {Download[]} waiting from the top
 * @param {number} index where the first of those that are moved is to stand
 * @param {Set<Download>} moved
 * @returns {Exclude<Position, string> | null} the place beside another one that can be moved; null without such
 */
export function positionAt(waiting, index, moved) {
  const isOther = (/** @type {Download} */ download) => isMovable(download) && !moved.has(download);
  const below = waiting.slice(index).find(isOther);
  if (below) return { before: below.id };
  const above = waiting.slice(0, index).findLast(isOther);
  return above ? { after: above.id } : null;
}

/**
 * @param {Download[]} waiting from the top
 * @param {Set<Download>} moved
 * @param {1 | -1} step downwards or upwards
 * @returns {Exclude<Position, string> | null} one place further; null at the end
 */
export function positionBeside(waiting, moved, step) {
  const others = waiting.filter((download) => isMovable(download) || moved.has(download));
  const edge = step > 0 ? others.findLastIndex((one) => moved.has(one)) : others.findIndex((one) => moved.has(one));
  const next = others[edge + step];
  if (!next) return null;
  return step > 0 ? { after: next.id } : { before: next.id };
}
