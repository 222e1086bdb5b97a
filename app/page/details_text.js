// The facts about a download or a job, in words for its details. Pure: no DOM, no clock.

import { formatPercent, formatSpeed, formatTime } from "./format.js";
import { hasEnded, toCount } from "./merge.js";
import { alone, t } from "./messages.js";
import { amountOf, detailOf, stateOf } from "./row_text.js";

/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./records.js").ServerRecord} ServerRecord */

/** The path of a file before its name, with the separator of either system. */
const FOLDER = /^(.*)[/\\]/;

/**
 * @param {Download} download
 * @param {ServerRecord} record of the server; {} where it has none
 * @returns {[string, string][]} the name of each fact, and the fact; those that are unknown are left out
 */
export function factsOf(download, record) {
  const { state, isJob, kind, url, filePath, errorMessage, speed, progress, attempt, message, id } = download;
  const isRunning = state === "running";
  /** @type {[import("./messages.js").Key, string | undefined][]} */
  const facts = [
    ["state", stateOf(download)],
    [state === "queued" ? "waits_since" : "reason", errorMessage],
    ["kind", kind],
    ["does", isJob && isRunning ? message : ""],
    ["result", isJob && state === "complete" ? detailOf({ ...download, kind: "", message: "" }) : ""],
    ["address", url],
    ["file", filePath.replace(FOLDER, "")],
    ["folder", FOLDER.exec(filePath)?.[1] ?? textOf(record.folder)],
    [isJob ? "done" : "size", amountOf(download)],
    ["progress", progress > 0 ? formatPercent(progress) : ""],
    ["speed", isRunning && speed !== null ? formatSpeed(speed) : ""],
    ["added_at", timeOf(record.created_at)],
    [hasEnded(state) ? "ended_at" : "changed_at", timeOf(record.updated_at)],
    ["attempt", attemptOf(attempt, record)],
    ["starts", timeOf(download.startAt)],
    ["next_try_at", timeOf(record.retry_at)],
    ["worker", textOf(record.worker)],
    ["limit", limitOf(record)],
    ["priority", toCount(Math.abs(Number(record.priority))) ? String(record.priority) : ""],
    ["owner", textOf(record.owner)],
    ["id", id],
  ];
  return facts.flatMap(([name, fact]) => (fact ? [[t(name), alone(fact)]] : []));
}

/**
 * @param {number} attempt
 * @param {ServerRecord} record
 * @returns {string} "2, after 3 failed tries"
 */
function attemptOf(attempt, record) {
  const retries = toCount(record.retries) ?? 0;
  if (attempt === 0) return "";
  return retries === 0 ? String(attempt) : t("attempt_after", { attempt, count: retries });
}

/**
 * @param {ServerRecord} record
 * @returns {string}
 */
function limitOf({ limit_bytes_per_s: limit }) {
  return toCount(limit) ? formatSpeed(Number(limit)) : "";
}

/**
 * @param {unknown} time s since 1970
 * @returns {string}
 */
function timeOf(time) {
  const seconds = toCount(time);
  return seconds ? formatTime(seconds) : "";
}

/**
 * @param {unknown} value
 * @returns {string | undefined}
 */
function textOf(value) {
  return typeof value === "string" && value !== "" ? value : undefined;
}
