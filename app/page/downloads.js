// What is known of each download, merged from events. Pure: no DOM, no clock, no socket.

import { count, emptyDownload, hasEnded, idOf, isFromEarlierAttempt, merge, mergeRecord, STATE_AFTER } from "./merge.js";

/** @typedef {"queued" | "running" | "paused" | "complete" | "error" | "cancelled"} State */

/**
 * @typedef {object} Download
 * @property {string} id
 * @property {State} state
 * @property {string} name empty while nobody said it
 * @property {string} url
 * @property {string} filePath where it lies, once complete
 * @property {string} errorMessage why it failed, in state error, or waits for its next try, in state queued
 * @property {number} progress 0 to 1; stays 0 while the size is unknown
 * @property {number | null} speed bytes a second; null unless running and told
 * @property {number | null} steadySpeed speed without its jitter, for the time that is left
 * @property {number | null} received bytes
 * @property {number | null} total bytes; null while unknown
 * @property {number} attempt the life it is in; 0 while unknown
 * @property {number} heardAt when it last said anything, ms
 * @property {string} epoch of the newest event with a position; "" before one came
 * @property {number} offset likewise
 * @property {number | null} createdAt when it was added, s since 1970; null while no record told it
 * @property {boolean} told whether an event ever told of it
 * @property {number} confirmedIn the last reconciliation that met it: see `Downloads.startReconciliation`
 */

/**
 * @typedef {object} Change
 * @property {Download} download
 * @property {State | null} before its state until now; null when it is new
 * @property {Download | null} dropped what left: itself when it was deleted, else what made room for it
 */

/**
 * @typedef {object} Totals
 * @property {number} active what hasn't ended
 * @property {number} ended
 * @property {number} speed bytes a second of all together
 */

/** @typedef {import("./records.js").DownloadRecord} DownloadRecord */

/** A running download that was silent for longer has no speed that one could believe. */
export const SILENT_AFTER_MS = 15_000;

const MAX_DOWNLOADS = 5_000;
const POSITION = /^(\d+)-(\d+)$/;

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
  /** Deleted since the last reconciliation began: a record that was read before must not bring one back. @type {Set<string>} */
  #deleted = new Set();
  #reconciliation = 0;
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
    const deletes = event.type === "download_deleted";
    if (id === "" || (state === undefined && !deletes)) return null;

    const known = this.#byId.get(id);
    if (known) known.confirmedIn = this.#reconciliation;
    const position = POSITION.exec(typeof event.event_id === "string" ? event.event_id : "");
    const attempt = count(event.attempt) ?? null;
    if (known && position && known.epoch === position[1] && Number(position[2]) <= known.offset) return null;
    if (state === undefined) return this.delete(id);
    if (known && event.type === "download_progress" && isFromEarlierAttempt(known, attempt)) return null;

    const download = known ?? emptyDownload(id);
    const before = known ? known.state : null;
    if (position) {
      download.epoch = position[1];
      download.offset = Number(position[2]);
    }
    download.told = true;
    merge(download, event, state, attempt, now);
    if (known) return { download, before, dropped: null };
    this.#deleted.delete(id);
    return this.#add(download);
  }

  /**
   * Forgets one.
   * @param {string} id
   * @returns {Change | null} null when it wasn't known
   */
  delete(id) {
    if (this.#deleted.size >= MAX_DOWNLOADS) this.#deleted.clear();
    this.#deleted.add(id);
    const download = this.#byId.get(id);
    this.#byId.delete(id);
    return download ? { download, before: download.state, dropped: download } : null;
  }

  /** Each download counts as unconfirmed until the next event or record of it. */
  startReconciliation() {
    this.#reconciliation += 1;
    this.#deleted.clear();
  }

  /** @returns {Download[]} those without an event or a record since the last reconciliation began */
  unconfirmed() {
    return [...this.#byId.values()].filter(({ confirmedIn }) => confirmedIn !== this.#reconciliation);
  }

  /**
   * Merges a record of the server. What was heard since it was asked for is newer, and stays.
   * @param {DownloadRecord} record
   * @param {number} askedAt ms
   * @param {number} now ms
   * @returns {Change | null} null when it was deleted since, or is of no use
   */
  takeRecord(record, askedAt, now) {
    const id = idOf(record.download_id);
    if (id === "" || this.#deleted.has(id)) return null;
    const known = this.#byId.get(id);
    const download = known ?? emptyDownload(id);
    const before = known ? known.state : null;
    const isNewer = !known || known.heardAt < askedAt;
    if (!mergeRecord(download, record, isNewer, now)) return null;
    download.confirmedIn = this.#reconciliation;
    return known ? { download, before, dropped: null } : this.#add(download);
  }

  /** Puts what has a record in the order of creation; what has none keeps its place. */
  arrange() {
    // What only a record knows ended long ago, or events would have told of it.
    const known = [...this.#byId.values()];
    const all = [...known.filter((each) => !each.told), ...known.filter((each) => each.told)];
    const dated = all.filter(({ createdAt }) => createdAt !== null);
    dated.sort((a, b) => Number(a.createdAt) - Number(b.createdAt));
    let next = 0;
    this.#byId = new Map(all.map((old) => (old.createdAt === null ? old : dated[next++])).map((each) => [each.id, each]));
  }

  /**
   * @param {Download} download
   * @returns {Change}
   */
  #add(download) {
    download.confirmedIn = this.#reconciliation;
    this.#byId.set(download.id, download);
    return { download, before: null, dropped: this.#makeRoom() };
  }

  /**
   * @param {number} now ms
   * @returns {Totals}
   */
  totals(now) {
    let active = 0;
    let speed = 0;
    for (const download of this.#byId.values()) {
      if (hasEnded(download.state)) continue;
      active += 1;
      if (download.speed !== null && !isSilent(download, now)) speed += download.speed;
    }
    return { active, ended: this.size - active, speed };
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
