// The state of each download and of each job of another kind, merged from events. Pure: no DOM, no clock, no socket.

import {
  emptyDownload, hasEnded, isFromEarlierAttempt, merge, mergeRecord, rankOf, STATE_AFTER, toCount, toId,
} from "./merge.js";
import { Counts } from "./counts.js";

/** @typedef {"queued" | "running" | "paused" | "complete" | "error" | "cancelled"} State */

/**
 * @typedef {object} Download a download, or a job of any other kind
 * @property {string} id
 * @property {boolean} isJob whether it is no download
 * @property {string} kind of a job; "" for none
 * @property {State} state
 * @property {string} name empty while unknown
 * @property {string} url
 * @property {string} phase "checksum" while its file is read for its checksum, else ""
 * @property {number} startAt s since 1970, before which no worker takes it; 0 without one
 * @property {string} filePath the path of its file, once complete
 * @property {string} errorMessage why it failed, in state error, or waits for its next try, in state queued
 * @property {number} progress 0 to 1; stays 0 while the size is unknown
 * @property {number | null} speed bytes a second; null unless running and known
 * @property {number | null} smoothSpeed speed without its jitter, for the remaining time
 * @property {number | null} received bytes; of a job what is done, in its unit
 * @property {number | null} total likewise; null while unknown
 * @property {string} unit of a job; "" for none
 * @property {string} message what a job does at present
 * @property {unknown} result of a complete job
 * @property {boolean} isCancelling whether a client asked for the end of a running job
 * @property {number} attempt counts its attempts, from queued to an end; 0 while unknown
 * @property {number} updatedAt the time of its last event or changed record, ms
 * @property {string} epoch of the newest event with a position; "" before the first
 * @property {number} offset likewise
 * @property {boolean} hasRecord whether the server has a record of it: no command but its removal reaches any other
 * @property {number | null} createdAt when it was added, s since 1970; null without a record
 * @property {number} rank the time of its creation, ms, as well as it is known: the newer the greater
 * @property {number | null} queueRank its place in the queue of downloads: the lowest of those that wait goes first; null
 *   while unknown
 * @property {number} category for `Counts`
 * @property {number} confirmedIn the last reconciliation that met it: see `Downloads.startReconciliation`
 */

/**
 * @typedef {object} Change
 * @property {Download} download
 * @property {State | null} before its state until now; null when it is new
 * @property {Download | null} removed the one that left: itself when it was deleted, else the one that made room for it
 */

/** @typedef {import("./records.js").ServerRecord} ServerRecord */

/** As many as a server keeps. */
const MAX_DOWNLOADS = 200_000;
/** The number of the oldest of which one that has ended makes room. */
const MAX_LOOKED_AT = 1_000;
const MAX_DELETED = 5_000;
const POSITION = /^(\d+)-(\d+)$/;
const JOB_TYPE = /^job_/;
const PROGRESS_TYPE = /^(download|job)_progress$/;

/**
 * @param {Download} download
 * @returns {string} its name; else the last part of its URL or path; else its id
 */
export function displayName(download) {
  return download.name || lastPart(download.url) || lastPart(download.filePath) || download.id;
}

/**
 * @param {Download} download
 * @returns {number | null} seconds until it is complete; null while unknown
 */
export function secondsLeft(download) {
  const { state, total, received, smoothSpeed } = download;
  if (state !== "running" || total === null || received === null || !smoothSpeed) return null;
  return Math.max(0, total - received) / smoothSpeed;
}

/**
 * All downloads that the page knows, in the order of their appearance. At most `limit`: beyond it one of the oldest that
 * has ended leaves, or where none of these has, the oldest.
 */
export class Downloads {
  counts = new Counts();
  /** @type {Map<string, Download>} */
  #byId = new Map();
  /** Deleted since the last reconciliation began: an older record must not bring one back. @type {Set<string>} */
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
   * Merges one event.
   * @param {Record<string, unknown>} event as it was parsed
   * @param {number} now ms
   * @returns {Change | null} null for a repeat, and for anything but an event of a download or a job
   */
  apply(event, now) {
    const state = STATE_AFTER.get(event.type);
    const isJob = JOB_TYPE.test(String(event.type));
    const id = toId(isJob ? event.job_id : event.download_id);
    const deletes = event.type === "download_deleted" || event.type === "job_deleted";
    if (id === "" || (state === undefined && !deletes)) return null;

    const known = this.#byId.get(id);
    if (known) known.confirmedIn = this.#reconciliation;
    const position = POSITION.exec(typeof event.event_id === "string" ? event.event_id : "");
    const attempt = toCount(event.attempt) ?? null;
    if (known && position && known.epoch === position[1] && Number(position[2]) <= known.offset) return null;
    if (state === undefined) return this.delete(id);
    if (known && PROGRESS_TYPE.test(String(event.type)) && isFromEarlierAttempt(known, attempt)) return null;

    const download = known ?? emptyDownload(id);
    const before = known ? known.state : null;
    if (position) {
      download.epoch = position[1];
      download.offset = Number(position[2]);
    }
    download.isJob = isJob;
    download.hasRecord ||= toCount(event.change) !== undefined; // the server numbers the changes that it records
    merge(download, event, state, attempt, now);
    if (!known) {
      this.#deleted.delete(id);
      download.rank = rankOf(event, now);
    }
    return this.#changed(download, before);
  }

  /**
   * Forgets one.
   * @param {string} id
   * @returns {Change | null} null when it is unknown
   */
  delete(id) {
    if (this.#deleted.size >= MAX_DELETED) this.#deleted.clear();
    this.#deleted.add(id);
    const download = this.#byId.get(id);
    if (!download) return null;
    this.#byId.delete(id);
    this.counts.remove(download);
    return { download, before: download.state, removed: download };
  }

  /**
   * Notes that the server has no record of it.
   * @param {Download} download
   */
  loseRecord(download) {
    download.hasRecord = false;
    this.counts.update(download);
  }

  /** Begins a comparison: each download counts as unconfirmed until the next event or record of it. */
  startReconciliation() {
    this.#reconciliation += 1;
    this.#deleted.clear();
  }

  /** @returns {Download[]} those without an event or a record since the last reconciliation began */
  unconfirmed() {
    return [...this.#byId.values()].filter(({ confirmedIn }) => confirmedIn !== this.#reconciliation);
  }

  /**
   * Merges a record of the server. Events since its request are newer, and prevail.
   * @param {ServerRecord} record
   * @param {number} requestedAt ms
   * @param {number} now ms
   * @returns {Change | null} null when it was deleted since, or makes no sense
   */
  applyRecord(record, requestedAt, now) {
    const id = toId(record.download_id ?? record.job_id);
    if (id === "" || this.#deleted.has(id)) return null;
    const known = this.#byId.get(id);
    const download = known ?? emptyDownload(id);
    const before = known ? known.state : null;
    const isNewer = !known || known.updatedAt < requestedAt;
    if (!mergeRecord(download, record, isNewer, now)) return null;
    download.confirmedIn = this.#reconciliation;
    download.rank ||= now;
    return this.#changed(download, before);
  }

  /**
   * @param {Download} download
   * @param {State | null} before null for a new one
   * @returns {Change}
   */
  #changed(download, before) {
    this.counts.update(download);
    if (before !== null) return { download, before, removed: null };
    download.confirmedIn = this.#reconciliation;
    this.#byId.set(download.id, download);
    return { download, before, removed: this.#makeRoom() };
  }

  /** @returns {Download | null} the one that left */
  #makeRoom() {
    if (this.#byId.size <= this.#limit) return null;
    /** @type {Download | null} */
    let oldest = null;
    let left = MAX_LOOKED_AT;
    for (const download of this.#byId.values()) {
      const isEnded = hasEnded(download.state);
      if (isEnded || oldest === null) oldest = download;
      if (isEnded || --left === 0) break;
    }
    if (!oldest) return null;
    this.#byId.delete(oldest.id);
    this.counts.remove(oldest);
    return oldest;
  }
}

/**
 * @param {string} address a URL or a path
 * @returns {string}
 */
function lastPart(address) {
  const path = address.replace(/[?#].*$/, "").replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "");
  const part = path.split(/[/\\]/).findLast(Boolean) ?? "";
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray % is no encoding
  }
}
