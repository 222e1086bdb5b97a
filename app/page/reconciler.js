// Compares the page with the server's list: after a start, after a loss without recovery, and for a silent download.

import { getRecord, RecordsUnavailable } from "./records.js";

/** @typedef {import("./downloads.js").Change} Change */
/** @typedef {import("./downloads.js").Download} Download */

const RETRY_DELAY_MS = 5_000;
const CHECK_INTERVAL_MS = 60_000;
const MAX_TRACKED = 5_000;

export class Reconciler {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Counts starts and stops: a response to an earlier run is out of date. */
  #run = 0;
  #isDone = true;
  #isChecking = false;
  /** When each download was last checked, by its id. @type {Map<string, number>} */
  #checkedAt = new Map();
  #downloads;
  #reader;
  #onChange;

  /**
   * @param {import("./downloads.js").Downloads} downloads
   * @param {import("./reader.js").Reader} reader
   * @param {(change: Change) => void} onChange
   */
  constructor(downloads, reader, onChange) {
    this.#downloads = downloads;
    this.#reader = reader;
    this.#onChange = onChange;
  }

  /** To be called before the snapshot: a download that neither it nor the server's list has, is removed in the end. */
  start() {
    this.#downloads.startReconciliation();
    this.#isDone = false;
    this.resume();
  }

  /** Continues an unfinished run: no event was missed since. */
  resume() {
    this.stop();
    if (!this.#isDone) void this.#readList(this.#run);
  }

  /** To be called when the connection is lost. */
  stop() {
    clearTimeout(this.#timer);
    this.#run += 1;
  }

  /**
   * Reads the record of a silent download. One request runs at a time, and each download is checked once a minute, so
   * that thousands of them are no burden. It may be called at any rate.
   * @param {Download} download
   * @param {number} now ms
   */
  check(download, now) {
    if (this.#isChecking || now - (this.#checkedAt.get(download.id) ?? -Infinity) < CHECK_INTERVAL_MS) return;
    if (this.#checkedAt.size >= MAX_TRACKED) this.#checkedAt.clear();
    this.#checkedAt.set(download.id, now);
    void this.#readOne(download, now);
  }

  /** @param {number} run */
  async #readList(run) {
    const isWanted = () => run === this.#run;
    try {
      await this.#reader.compare(isWanted);
      if (isWanted()) this.#isDone = true;
    } catch (error) {
      if (!(error instanceof RecordsUnavailable)) throw error;
      if (!isWanted()) return;
      if (error.isTemporary) this.#timer = setTimeout(() => void this.#readList(run), RETRY_DELAY_MS);
      else this.#isDone = true;
    }
  }

  /**
   * @param {Download} download
   * @param {number} now ms
   */
  async #readOne(download, now) {
    this.#isChecking = true;
    try {
      const record = await getRecord(download);
      if (record) this.#report(this.#downloads.applyRecord(record, now, Date.now()));
      // Downloads of other publishers never had a record, so that its absence means nothing.
      else if (download.createdAt !== null) this.#report(this.#downloads.delete(download.id));
    } catch (error) {
      if (!(error instanceof RecordsUnavailable)) throw error;
    } finally {
      this.#isChecking = false;
    }
  }

  /** @param {Change | null} change */
  #report(change) {
    if (change) this.#onChange(change);
  }
}
