// The words of a row about a download or a job. Pure: no DOM, no clock.

import { formatCounts, formatSizes, formatTime } from "./format.js";
import { t } from "./messages.js";

/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./downloads.js").State} State */

/** @type {Readonly<Record<State, import("./messages.js").Key>>} */
const STATE_WORDS = {
  queued: "queued",
  running: "downloading",
  paused: "paused",
  complete: "complete",
  error: "failed",
  cancelled: "cancelled",
};

/**
 * @param {Download} download
 * @returns {string}
 */
export function stateOf({ state, isJob, isCancelling, phase }) {
  if (phase === "checksum") return t("checking");
  if (isCancelling) return t("cancelling");
  return t(isJob && state === "running" ? "running" : STATE_WORDS[state]);
}

/**
 * @param {Download} download
 * @returns {string} how much of it is done: "120 / 260 MB", "3 / 10 frames"
 */
export function amountOf({ isJob, received, total, unit }) {
  return isJob ? formatCounts(received, total, unit) : formatSizes(received, total);
}

/**
 * @param {Download} download
 * @returns {string} the text next to its state: its start, the path, the error, else the host of its URL; of a job its kind, and
 *   what it does or what came of it
 */
export function detailOf(download) {
  const { state, isJob, kind, errorMessage, filePath, url, startAt } = download;
  if (state === "queued" && startAt) return t("starts_at", { time: formatTime(startAt) });
  if (state === "queued" && errorMessage) return withKind(kind, t("tried_again", { reason: errorMessage }));
  if (state === "error") return withKind(kind, errorMessage);
  if (isJob) return withKind(kind, (state === "complete" && resultOf(download)) || download.message);
  if (state === "complete") return filePath;
  return /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(url)?.[1] ?? "";
}

/**
 * @param {Download} download
 * @returns {string} "" for none
 */
function resultOf({ result }) {
  if (result === null) return "";
  return typeof result === "string" ? result : JSON.stringify(result);
}

/**
 * @param {string} kind
 * @param {string} text
 * @returns {string}
 */
function withKind(kind, text) {
  return [kind, text].filter(Boolean).join(" · ");
}
