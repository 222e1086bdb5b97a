// What is known of each download, merged from events. Pure: no DOM, no clock, no socket.

/** @typedef {"queued" | "running" | "paused" | "complete" | "error" | "cancelled"} State */

/**
 * @typedef {object} Download
 * @property {string} id
 * @property {State} state
 * @property {string} name empty while nobody said it
 * @property {string} url
 * @property {string} filePath where it lies, once complete
 * @property {string} errorMessage why it failed, in state error
 * @property {number} progress 0 to 1; stays 0 while the size is unknown
 * @property {number | null} speed bytes a second; null unless running and told
 * @property {number | null} steadySpeed speed without its jitter, for the time that is left
 * @property {number | null} received bytes
 * @property {number | null} total bytes; null while unknown
 * @property {number} attempt the life it is in; 0 while unknown
 * @property {number} heardAt when it last said anything, ms
 * @property {string} epoch of the newest event with a position; "" before one came
 * @property {number} offset likewise
 */

/**
 * @typedef {object} Change
 * @property {Download} download
 * @property {State | null} before its state until now; null when it is new
 * @property {Download | null} dropped what had to leave to make room
 */

/** @type {ReadonlyMap<unknown, State>} */
const STATE_AFTER = new Map([
  ["download_queued", "queued"],
  ["download_started", "running"],
  ["download_resumed", "running"],
  ["download_progress", "running"],
  ["download_paused", "paused"],
  ["download_complete", "complete"],
  ["download_error", "error"],
  ["download_cancelled", "cancelled"],
]);

/** A running download that was silent for longer has no speed that one could believe. */
export const SILENT_AFTER_MS = 15_000;

const MAX_DOWNLOADS = 5_000;
const POSITION = /^(\d+)-(\d+)$/;

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
 * @returns {boolean} whether it should be running but said nothing lately
 */
export function isSilent(download, now) {
  return download.state === "running" && now - download.heardAt > SILENT_AFTER_MS;
}

/**
 * @param {Download} download
 * @returns {string} its name; else the last part of its URL or path; else its id
 */
export function nameOf(download) {
  return download.name || lastPart(download.url) || lastPart(download.filePath) || download.id;
}

/**
 * @param {Download} download
 * @returns {number | null} seconds until it is complete; null when that can't be told
 */
export function secondsLeft(download) {
  const { state, total, received, steadySpeed } = download;
  if (state !== "running" || total === null || received === null || !steadySpeed) return null;
  return Math.max(0, total - received) / steadySpeed;
}

/**
 * All downloads that the page knows, in the order in which they appeared. At most `limit`: beyond it the oldest
 * that has ended leaves, or where none has, the oldest.
 */
export class Downloads {
  /** @type {Map<string, Download>} */
  #byId = new Map();
  #limit;

  /** @param {number} [limit] */
  constructor(limit = MAX_DOWNLOADS) {
    this.#limit = limit;
  }

  /** @returns {number} */
  get size() {
    return this.#byId.size;
  }

  /** @returns {IterableIterator<Download>} */
  values() {
    return this.#byId.values();
  }

  /**
   * @param {string} id
   * @returns {Download | undefined}
   */
  get(id) {
    return this.#byId.get(id);
  }

  /**
   * Merges one event. Whatever is no event of a download, or repeats what was merged already, gives null.
   * @param {Record<string, unknown>} event as it was parsed
   * @param {number} now ms
   * @returns {Change | null}
   */
  take(event, now) {
    const id = idOf(event.download_id);
    const state = STATE_AFTER.get(event.type);
    if (id === "" || state === undefined) return null;

    const known = this.#byId.get(id);
    const position = POSITION.exec(typeof event.event_id === "string" ? event.event_id : "");
    const attempt = count(event.attempt) ?? null;
    if (known && position && known.epoch === position[1] && Number(position[2]) <= known.offset) return null;
    if (known && event.type === "download_progress" && isOfAPastLife(known, attempt)) return null;

    const download = known ?? blank(id);
    const before = known ? known.state : null;
    if (position) {
      download.epoch = position[1];
      download.offset = Number(position[2]);
    }
    merge(download, event, state, attempt, now);
    if (known) return { download, before, dropped: null };
    this.#byId.set(id, download);
    return { download, before, dropped: this.#makeRoom() };
  }

  /**
   * @param {number} now ms
   * @returns {{active: number, speed: number}} active: what hasn't ended; speed: bytes a second of all together
   */
  totals(now) {
    let active = 0;
    let speed = 0;
    for (const download of this.#byId.values()) {
      if (hasEnded(download.state)) continue;
      active += 1;
      if (download.speed !== null && !isSilent(download, now)) speed += download.speed;
    }
    return { active, speed };
  }

  /** @returns {Download | null} what left */
  #makeRoom() {
    if (this.#byId.size <= this.#limit) return null;
    /** @type {Download | null} */
    let leaves = null;
    for (const download of this.#byId.values()) {
      leaves ??= download;
      if (hasEnded(download.state)) {
        leaves = download;
        break;
      }
    }
    if (leaves) this.#byId.delete(leaves.id);
    return leaves;
  }
}

/**
 * Progress may arrive after the end of its own attempt. One without an attempt comes from a publisher that doesn't
 * count lives, so it means what it says.
 * @param {Download} known
 * @param {number | null} attempt
 * @returns {boolean}
 */
function isOfAPastLife(known, attempt) {
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
function merge(download, event, state, attempt, now) {
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
  } else if (state === "error") {
    download.errorMessage = text(event.error_message) ?? "no reason was given";
  }
}

/**
 * @param {string} id
 * @returns {Download}
 */
function blank(id) {
  return {
    id, state: "queued", name: "", url: "", filePath: "", errorMessage: "", progress: 0, speed: null,
    steadySpeed: null, received: null, total: null, attempt: 0, heardAt: 0, epoch: "", offset: 0,
  };
}

/**
 * @param {unknown} value
 * @returns {string} "" where it is no id
 */
function idOf(value) {
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
function count(value) {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/**
 * @param {string} address a URL or a path
 * @returns {string}
 */
function lastPart(address) {
  const part = address.replace(/[?#].*$/, "").replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "").split(/[/\\]/).findLast(Boolean) ?? "";
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray % is no encoding
  }
}
