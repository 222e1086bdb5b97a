// How one event, or one record, changes what is known of a download. Pure: no DOM, no clock, no socket.

/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./downloads.js").State} State */

/** What a download is after each event. @type {ReadonlyMap<unknown, State>} */
export const STATE_AFTER = new Map([
  ["download_queued", "queued"],
  ["download_started", "running"],
  ["download_resumed", "running"],
  ["download_progress", "running"],
  ["download_paused", "paused"],
  ["download_complete", "complete"],
  ["download_error", "error"],
  ["download_cancelled", "cancelled"],
]);

/**
 * @param {State} state
 * @returns {boolean}
 */
export function hasEnded(state) {
  return state === "complete" || state === "error" || state === "cancelled";
}

/**
 * Progress may arrive after the end of its own attempt. One without an attempt comes from a publisher that doesn't
 * count lives, so it means what it says.
 * @param {Download} known
 * @param {number | null} attempt
 * @returns {boolean}
 */
export function isFromEarlierAttempt(known, attempt) {
  if (attempt === null) return false;
  return hasEnded(known.state) ? attempt <= known.attempt : attempt < known.attempt;
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
  if (begins || state !== "running") Object.assign(download, { speed: null, steadySpeed: null });
  if (attempt !== null) download.attempt = attempt;
  download.state = state;
  download.heardAt = now;
  download.name = text(event.name) ?? download.name;
  download.url = text(event.url) ?? download.url;
  download.received = count(event.received_bytes) ?? download.received;
  if (event.total_bytes === null) download.total = null;
  else download.total = count(event.total_bytes) ?? download.total;

  const { received, total } = download;
  const told = count(event.progress);
  if (told !== undefined) download.progress = Math.min(1, told);
  else if (received !== null && total) download.progress = Math.min(1, received / total);
  if (told !== undefined && event.received_bytes === undefined && total) download.received = told * total;

  if (event.type === "download_progress") {
    const speed = count(event.speed) ?? null;
    const last = download.steadySpeed;
    download.speed = speed;
    download.steadySpeed = speed === null || last === null ? speed : last + (speed - last) * 0.2;
  } else if (state === "complete") {
    download.progress = 1;
    download.filePath = text(event.file_path) ?? download.filePath;
    download.received = download.total ?? download.received;
  } else if (state === "queued") {
    download.errorMessage = text(event.error_message) ?? ""; // why it waits for its next try
  } else if (state === "error") {
    download.errorMessage = text(event.error_message) ?? "no reason was given";
  }
}

/** @type {ReadonlySet<unknown>} */
const STATES = new Set(STATE_AFTER.values());

/**
 * @param {Download} download changed in place
 * @param {import("./records.js").DownloadRecord} record
 * @param {boolean} isNewer whether the record is newer than what is known; else it only adds what events don't tell
 * @param {number} now ms
 * @returns {boolean} false for a record that makes no sense
 */
export function mergeRecord(download, record, isNewer, now) {
  if (!STATES.has(record.state)) return false;
  download.createdAt = count(record.created_at) ?? download.createdAt;
  download.name ||= text(record.name) ?? "";
  download.url ||= text(record.url) ?? "";
  if (!isNewer) return true;
  const state = /** @type {State} */ (record.state);
  // A worker that is stuck keeps its record; that is no news.
  const isNews = download.state !== state || state !== "running" || download.received !== record.received_bytes;
  if (!isNews) return true;
  merge(download, { ...record }, state, count(record.attempt) ?? null, now);
  if (state === "running") download.speed = count(record.speed) ?? null;
  return true;
}

/**
 * @param {string} id
 * @returns {Download}
 */
export function emptyDownload(id) {
  return {
    id, state: "queued", name: "", url: "", filePath: "", errorMessage: "", progress: 0, speed: null,
    steadySpeed: null, received: null, total: null, attempt: 0, heardAt: 0, epoch: "", offset: 0, createdAt: null,
    told: false, confirmedIn: 0,
  };
}

/**
 * @param {unknown} value
 * @returns {string} "" where it is no id
 */
export function idOf(value) {
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? value : "";
}

/**
 * @param {unknown} value
 * @returns {string | undefined}
 */
function text(value) {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/**
 * @param {unknown} value
 * @returns {number | undefined} a number that can be counted with: finite and not negative
 */
export function count(value) {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}
