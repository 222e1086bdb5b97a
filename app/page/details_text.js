// The facts about a download or a job, in words for its details. Pure: no DOM, no clock.

import { formatSpeed, formatTime, printable, toPercent, withCount } from "./format.js";
import { hasEnded, toCount } from "./merge.js";
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
  /** @type {[string, string | undefined][]} */
  const facts = [
    ["State", stateOf(download)],
    [state === "queued" ? "Waits, since" : "Reason", errorMessage],
    ["Kind", kind],
    ["Does", isJob && isRunning ? message : ""],
    ["Result", isJob && state === "complete" ? detailOf({ ...download, kind: "", message: "" }) : ""],
    ["Address", url],
    ["File", filePath.replace(FOLDER, "")],
    ["Folder", FOLDER.exec(filePath)?.[1]],
    [isJob ? "Done" : "Size", amountOf(download)],
    ["Progress", progress > 0 ? `${toPercent(progress)} %` : ""],
    ["Speed", isRunning && speed !== null ? formatSpeed(speed) : ""],
    ["Added", timeOf(record.created_at)],
    [hasEnded(state) ? "Ended" : "Last change", timeOf(record.updated_at)],
    ["Attempt", attemptOf(attempt, record)],
    ["Next try", timeOf(record.retry_at)],
    ["Worker", textOf(record.worker)],
    ["Limit", limitOf(record)],
    ["Priority", toCount(Math.abs(Number(record.priority))) ? String(record.priority) : ""],
    ["Owner", textOf(record.owner)],
    ["Id", id],
  ];
  return facts.flatMap(([name, fact]) => (fact ? [[name, printable(fact)]] : []));
}

/**
 * @param {number} attempt
 * @param {ServerRecord} record
 * @returns {string} "2, after 3 failed tries"
 */
function attemptOf(attempt, record) {
  const retries = toCount(record.retries) ?? 0;
  if (attempt === 0) return "";
  return retries === 0 ? String(attempt) : `${attempt}, after ${withCount(retries, "failed try", "failed tries")}`;
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
