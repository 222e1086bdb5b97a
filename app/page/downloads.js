// The state of each download and of each job of another kind, merged from events. Pure: no DOM, no clock, no socket.

import {
  emptyDownload, hasEnded, isFromEarlierAttempt, merge, mergeRecord, STATE_AFTER, toCount, toId,
} from "./merge.js";
import { mainActionOf } from "./row_actions.js";

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
 * @property {boolean} hasEvents whether there ever was an event of it
 * @property {number} confirmedIn the last reconciliation that met it: see `Downloads.startReconciliation`
 */

/**
 * @typedef {object} Change
 * @property {Download} download
 * @property {State | null} before its state until now; null when it is new
 * @property {Download | null} removed the one that left: itself when it was deleted, else the one that made room for it
 */

/**
 * @typedef {object} Totals
 * @property {number} active
 * @property {number} ended
 * @property {number} pausable
 * @property {number} resumable
 * @property {boolean} hasJobsAlone whether there is none but jobs of other kinds
 * @property {number | null} progress of the active downloads whose size is known, 0 to 1; null where there are none
 * @property {number} speed bytes a second of all downloads together
 */

/** @typedef {import("./records.js").ServerRecord} ServerRecord */

/** The speed of a running download without an event for longer is out of date. */
export const SILENT_AFTER_MS = 15_000;

const MAX_DOWNLOADS = 5_000;
const POSITION = /^(\d+)-(\d+)$/;
const JOB_TYPE = /^job_/;
const PROGRESS_TYPE = /^(download|job)_progress$/;

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
 * All downloads that the page knows, in the order of their appearance. At most `limit`: beyond it the oldest ended one
 * leaves, or where none has ended, the oldest.
 */
export class Downloads {
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
    download.hasEvents = true;
    download.isJob = isJob;
    download.hasRecord ||= toCount(event.change) !== undefined; // the server numbers the changes that it records
    merge(download, event, state, attempt, now);
    if (known) return { download, before, removed: null };
    this.#deleted.delete(id);
    return this.#add(download);
  }

  /**
   * Forgets one.
   * @param {string} id
   * @returns {Change | null} null when it is unknown
   */
  delete(id) {
    if (this.#deleted.size >= MAX_DOWNLOADS) this.#deleted.clear();
    this.#deleted.add(id);
    const download = this.#byId.get(id);
    this.#byId.delete(id);
    return download ? { download, before: download.state, removed: download } : null;
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
    return known ? { download, before, removed: null } : this.#add(download);
  }

  /** Puts the downloads with a record in the order of their creation; the others keep their place. */
  sort() {
    // A download without events ended long ago, so that it is older than those with events.
    const known = [...this.#byId.values()];
    const all = [...known.filter(({ hasEvents }) => !hasEvents), ...known.filter(({ hasEvents }) => hasEvents)];
    const dated = all.filter(({ createdAt }) => createdAt !== null);
    dated.sort((a, b) => Number(a.createdAt) - Number(b.createdAt));
    let next = 0;
    const sorted = all.map((download) => (download.createdAt === null ? download : dated[next++]));
    this.#byId = new Map(sorted.map((download) => [download.id, download]));
  }

  /**
   * @param {number} now ms
   * @returns {Totals}
   */
  totals(now) {
    let active = 0;
    let speed = 0;
    let jobs = 0;
    let pausable = 0;
    let resumable = 0;
    let received = 0;
    let expected = 0;
    for (const download of this.#byId.values()) {
      if (download.isJob) jobs += 1;
      const action = mainActionOf(download);
      if (action === "pause_download") pausable += 1;
      if (action === "resume_download") resumable += 1;
      if (hasEnded(download.state)) continue;
      active += 1;
      if (!download.isJob && download.total) {
        received += download.received ?? 0;
        expected += download.total;
      }
      if (download.speed !== null && !isSilent(download, now)) speed += download.speed;
    }
    const hasJobsAlone = jobs > 0 && jobs === this.size;
    const progress = expected > 0 ? Math.min(1, received / expected) : null;
    return { active, ended: this.size - active, pausable, resumable, hasJobsAlone, progress, speed };
  }

  /**
   * @param {Download} download
   * @returns {Change}
   */
  #add(download) {
    download.confirmedIn = this.#reconciliation;
    this.#byId.set(download.id, download);
    return { download, before: null, removed: this.#makeRoom() };
  }

  /** @returns {Download | null} the one that left */
  #makeRoom() {
    if (this.#byId.size <= this.#limit) return null;
    /** @type {Download | null} */
    let oldest = null;
    for (const download of this.#byId.values()) {
      oldest ??= download;
      if (hasEnded(download.state)) {
        oldest = download;
        break;
      }
    }
    if (oldest) this.#byId.delete(oldest.id);
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
