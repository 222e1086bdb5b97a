// The effect of one event, or one record, on a download or a job. Pure: no DOM, no clock, no socket.

import { t } from "./messages.js";

/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./downloads.js").State} State */

/** The state of a download after each event. @type {ReadonlyMap<unknown, State>} */
export const STATE_AFTER = new Map([
  ["download_queued", "queued"],
  ["download_started", "running"],
  ["download_resumed", "running"],
  ["download_progress", "running"],
  ["download_paused", "paused"],
  ["download_complete", "complete"],
  ["download_error", "error"],
  ["download_cancelled", "cancelled"],
  ["job_queued", "queued"],
  ["job_started", "running"],
  ["job_progress", "running"],
  ["job_complete", "complete"],
  ["job_error", "error"],
  ["job_cancelled", "cancelled"],
]);

/** @type {ReadonlySet<unknown>} */
const STATES = new Set(STATE_AFTER.values());
/** The speed of a running download without an event for longer is out of date. */
const SILENT_AFTER_MS = 15_000;
/** Smaller numbers of changes are no times. */
const MIN_TIME_MS = 1e12;
/** The weight of a new speed in the smoothed one. */
const SMOOTHING = 0.2;

/**
 * @param {State} state
 * @returns {boolean}
 */
export function hasEnded(state) {
  return state === "complete" || state === "error" || state === "cancelled";
}

/**
 * @param {Download} download
 * @param {number} now ms
 * @returns {boolean} whether it had no event lately, though one was due: a job with an owner ends when that is lost
 */
export function isSilent({ state, isJob, hasRecord, updatedAt }, now) {
  const isDue = hasRecord ? state === "running" && !isJob : !hasEnded(state);
  return isDue && now - updatedAt > SILENT_AFTER_MS;
}

/**
 * The change that the server numbered by its time is the creation of most that wait.
 * @param {Record<string, unknown>} event the first of a download
 * @param {number} now ms
 * @returns {number} when it was created, ms, as well as that is known
 */
export function rankOf({ change }, now) {
  const time = toCount(change) ?? 0;
  return time >= MIN_TIME_MS ? time : now;
}

/**
 * True for progress that arrived after the end of its own attempt. Progress without an attempt comes from a publisher
 * that doesn't count attempts, and is never late.
 * @param {Download} download
 * @param {number | null} attempt
 * @returns {boolean}
 */
export function isFromEarlierAttempt(download, attempt) {
  if (attempt === null) return false;
  return hasEnded(download.state) ? attempt <= download.attempt : attempt < download.attempt;
}

/**
 * @param {Download} download changed in place
 * @param {Record<string, unknown>} event
 * @param {State} state
 * @param {number | null} attempt
 * @param {number} now ms
 */
export function merge(download, event, state, attempt, now) {
  const begins = state === "queued" || (hasEnded(download.state) && !hasEnded(state));
  if (begins) Object.assign(download, { progress: 0, received: null, errorMessage: "", filePath: "" });
  if (begins || state !== "running") Object.assign(download, { speed: null, smoothSpeed: null });
  if (attempt !== null) download.attempt = attempt;
  download.state = state;
  download.updatedAt = now;
  download.name = toText(event.name) ?? download.name;
  if (download.isJob) mergeJob(download, event, state);
  else mergeDownload(download, event);

  const { received, total } = download;
  const progress = toCount(event.progress);
  if (progress !== undefined) download.progress = Math.min(1, progress);
  else if (received !== null && total) download.progress = Math.min(1, received / total);

  if (event.type === "download_progress") {
    const speed = toCount(event.speed) ?? null;
    const last = download.smoothSpeed;
    download.speed = speed;
    download.smoothSpeed = speed === null || last === null ? speed : last + (speed - last) * SMOOTHING;
  } else if (state === "complete") {
    download.progress = 1;
    download.filePath = toText(event.file_path) ?? download.filePath;
    if (!download.isJob) download.received = download.total ?? download.received;
  } else if (state === "queued") {
    download.errorMessage = toText(event.error_message) ?? ""; // why it waits for its next try
  } else if (state === "error") {
    download.errorMessage = toText(event.error_message) ?? t("no_reason");
  }
}

/**
 * @param {Download} download changed in place
 * @param {Record<string, unknown>} event
 */
function mergeDownload(download, event) {
  download.phase = toText(event.phase) ?? "";
  download.startAt = toCount(event.start_at) ?? 0;
  download.url = toText(event.url) ?? download.url;
  download.queueRank = toNumber(event.queue_rank) ?? download.queueRank;
  download.received = toCount(event.received_bytes) ?? download.received;
  if (event.total_bytes === null) download.total = null;
  else download.total = toCount(event.total_bytes) ?? download.total;
  const progress = toCount(event.progress);
  if (progress !== undefined && event.received_bytes === undefined && download.total) {
    download.received = Math.min(1, progress) * download.total;
  }
}

/**
 * Each event of a job says everything that its owner reported.
 * @param {Download} download changed in place
 * @param {Record<string, unknown>} event
 * @param {State} state
 */
function mergeJob(download, event, state) {
  download.kind = toText(event.kind) ?? download.kind;
  download.received = toCount(event.done) ?? null;
  download.total = toCount(event.total) ?? null;
  download.unit = toText(event.unit) ?? "";
  download.message = toText(event.message) ?? "";
  download.result = event.result ?? null;
  if (state !== "running" || event.type === "job_started") download.isCancelling = false;
}

/**
 * @param {Download} download changed in place
 * @param {import("./records.js").ServerRecord} record
 * @param {boolean} isNewer whether the record is newer than the download; else it only adds members that events lack
 * @param {number} now ms
 * @returns {boolean} false for a record that makes no sense
 */
export function mergeRecord(download, record, isNewer, now) {
  if (!STATES.has(record.state)) return false;
  download.hasRecord = true;
  download.createdAt = toCount(record.created_at) ?? download.createdAt;
  if (download.createdAt !== null) download.rank = download.createdAt * 1000;
  download.name ||= toText(record.name) ?? "";
  download.url ||= toText(record.url) ?? "";
  download.kind ||= toText(record.kind) ?? "";
  download.queueRank ??= toNumber(record.queue_rank) ?? null;
  // No event tells of a cancellation that is asked for, so that one of the same attempt is no newer than the record here.
  const isSameAttempt = download.attempt === 0 || record.attempt === download.attempt;
  if (record.cancel_requested === true && download.state === "running" && isSameAttempt) download.isCancelling = true;
  if (!isNewer) return true;
  download.isJob = record.job_id !== undefined;
  const state = /** @type {State} */ (record.state);
  // The record of a worker that is stuck stays the same: that is no update.
  const isUpdate = download.isJob || download.state !== state || state !== "running"
    || download.received !== record.received_bytes;
  if (!isUpdate) return true;
  merge(download, { ...record }, state, toCount(record.attempt) ?? null, now);
  if (state === "running") download.speed = toCount(record.speed) ?? null;
  download.isCancelling = record.cancel_requested === true;
  return true;
}

/**
 * @param {string} id
 * @returns {Download}
 */
export function emptyDownload(id) {
  return {
    id, isJob: false, kind: "", state: "queued", name: "", url: "", filePath: "", errorMessage: "", progress: 0, speed: null,
    smoothSpeed: null, received: null, total: null, attempt: 0, updatedAt: 0, epoch: "", offset: 0, createdAt: null,
    confirmedIn: 0, rank: 0, queueRank: null, category: 0, phase: "", startAt: 0, unit: "", message: "", result: null,
    isCancelling: false,
    hasRecord: false,
  };
}

/**
 * @param {unknown} value
 * @returns {string} "" where it is no id
 */
export function toId(value) {
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? value : "";
}

/**
 * @param {unknown} value
 * @returns {string | undefined}
 */
function toText(value) {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/**
 * @param {unknown} value
 * @returns {number | undefined} a number that is finite
 */
export function toNumber(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/**
 * @param {unknown} value
 * @returns {number | undefined} a number that is finite and not negative
 */
export function toCount(value) {
  const number = toNumber(value) ?? -1;
  return number >= 0 ? number : undefined;
}
