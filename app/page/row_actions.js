// The commands that make sense for a download or a job in its state. Pure: no DOM, no clock.

import { hasEnded } from "./merge.js";

/** @typedef {import("./commands.js").Action} Action */
/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./downloads.js").State} State */
/** @typedef {"pause" | "resume" | "retry" | "prioritize" | "start" | "cancel" | "delete"} Verb */

/** The action of the first button. @type {Readonly<Record<State, Action | null>>} */
const MAIN_ACTIONS = {
  queued: "pause_download",
  running: "pause_download",
  paused: "resume_download",
  complete: null,
  error: "retry_download",
  cancelled: "retry_download",
};

/** The verb of each action that many can have. @type {Partial<Record<Action, Verb>>} */
const VERB_OF = {
  pause_download: "pause",
  resume_download: "resume",
  retry_download: "retry",
  prioritize_download: "prioritize",
  schedule_download: "start",
  cancel_download: "cancel",
  cancel_job: "cancel",
  delete_download: "delete",
  remove_job: "delete",
};

/** Less is fetched again in a moment. */
const MIN_LOSS_BYTES = 100_000_000;
const MIN_LOSS_PROGRESS = 0.5;

/**
 * @param {Pick<Download, "state" | "isJob" | "hasRecord">} download
 * @returns {Action | null} the one of the first button
 */
export function mainActionOf({ state, isJob, hasRecord }) {
  return isJob || !hasRecord ? null : MAIN_ACTIONS[state];
}

/**
 * @param {Download} download
 * @returns {Action} the one of the second button
 */
export function endActionOf(download) {
  if (isRemovable(download)) return download.isJob ? "remove_job" : "delete_download";
  return download.isJob ? "cancel_job" : "cancel_download";
}

/**
 * @param {Download} download
 * @returns {Map<Verb, Action>} all that can be done to it as one of many
 */
export function actionsOf(download) {
  const main = mainActionOf(download);
  const end = endActionOf(download);
  const isAskedFor = end === "cancel_job" && download.isCancelling;
  /** @type {Action[]} */
  const actions = [...(main ? [main] : []), ...(isAskedFor ? [] : [end])];
  if (isPrioritizable(download)) actions.push("prioritize_download");
  if (isStartable(download)) actions.push("schedule_download");
  return new Map(actions.flatMap((action) => (VERB_OF[action] ? [[VERB_OF[action], action]] : [])));
}

/**
 * @param {Download} download
 * @returns {boolean} whether it may leave the list: nothing else can be done where the server has no record
 */
export function isRemovable({ state, hasRecord }) {
  return hasEnded(state) || !hasRecord;
}

/**
 * @param {Download} download
 * @returns {boolean} whether it waits for a worker or for its start, but not for its next try
 */
export function isPrioritizable({ state, isJob, hasRecord, errorMessage }) {
  return state === "queued" && !isJob && hasRecord && errorMessage === "";
}

/**
 * @param {Download} download
 * @returns {boolean} whether it waits for its start, and may begin now instead
 */
export function isStartable(download) {
  return isPrioritizable(download) && download.startAt > 0;
}

/**
 * @param {Download} download
 * @returns {boolean} whether a fresh link is what it may wait for
 */
export function needsLink({ state, isJob, hasRecord }) {
  return hasRecord && !isJob && (state === "error" || state === "paused");
}

/**
 * @param {Download} download
 * @returns {boolean} whether its file is the server's to delete
 */
export function hasFile({ state, isJob, hasRecord }) {
  return state === "complete" && !isJob && hasRecord;
}

/**
 * @param {Download} download
 * @returns {boolean} whether a cancellation throws much away
 */
export function losesMuch({ state, isJob, received, progress }) {
  if (hasEnded(state)) return false;
  return progress >= MIN_LOSS_PROGRESS || (!isJob && (received ?? 0) >= MIN_LOSS_BYTES);
}
