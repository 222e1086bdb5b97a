// What events can't tell: everything that there is, after a start or a loss without recovery, and how one stands that
// has fallen silent.

import { listRecords, RecordsUnavailable, oneRecord } from "./records.js";

/** @typedef {import("./downloads.js").Change} Change */
/** @typedef {import("./downloads.js").Download} Download */

const RETRY_DELAY_MS = 5_000;
const REQUEST_INTERVAL_MS = 60_000;
const MAX_TRACKED = 5_000;

export class Reconciler {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Counts starts and stops: an answer to an earlier one is of no use. */
  #turn = 0;
  #isOver = true;
  #isAsking = false;
  /** When the server was last asked about one, by its id. @type {Map<string, number>} */
  #asked = new Map();
  #address;
  #token;
  #downloads;
  #onChange;
  #onDone;

  /**
   * @param {object} options
   * @param {string} options.address of the list of downloads
   * @param {import("./token.js").Token} options.token
   * @param {import("./downloads.js").Downloads} options.downloads
   * @param {(change: Change) => void} options.onChange
   * @param {() => void} options.onDone the downloads are complete and in their order
   */
  constructor({ address, token, downloads, onChange, onDone }) {
    this.#address = address;
    this.#token = token;
    this.#downloads = downloads;
    this.#onChange = onChange;
    this.#onDone = onDone;
  }

  /** To be called before the snapshot: what neither it nor the server's list knows in the end, goes. */
  start() {
    this.#downloads.startReconciliation();
    this.#isOver = false;
    this.resume();
  }

  /** Goes on with what was stopped before it was over: no event was missed since. */
  resume() {
    this.stop();
    if (!this.#isOver) void this.#read(this.#turn);
  }

  /** There is no connection. */
  stop() {
    clearTimeout(this.#timer);
    this.#turn += 1;
  }

  /**
   * Asks the server how a silent one stands. One at a time, and about each once a minute, so that thousands of them are
   * no burden; it may be called as often as one likes.
   * @param {Download} download
   * @param {number} now ms
   */
  ask(download, now) {
    if (this.#isAsking || now - (this.#asked.get(download.id) ?? -Infinity) < REQUEST_INTERVAL_MS) return;
    if (this.#asked.size >= MAX_TRACKED) this.#asked.clear();
    this.#asked.set(download.id, now);
    void this.#readOne(download.id, now);
  }

  /** @param {number} turn */
  async #read(turn) {
    const askedAt = Date.now();
    try {
      const { records, all, moved } = await listRecords(this.#address, this.#token.headers);
      if (turn !== this.#turn) return;
      // Oldest first, as they appeared.
      for (const record of records.reverse()) this.#tell(this.#downloads.takeRecord(record, askedAt, Date.now()));
      if (all) for (const { id } of this.#downloads.unconfirmed()) this.#tell(this.#downloads.delete(id));
      if (moved) this.#again(turn);
      else this.#isOver = true;
      this.#downloads.arrange();
      this.#onDone();
    } catch (error) {
      if (!(error instanceof RecordsUnavailable)) throw error;
      if (turn !== this.#turn) return;
      if (error.forNow) this.#again(turn);
      else this.#isOver = true;
    }
  }

  /** @param {number} turn */
  #again(turn) {
    this.#timer = setTimeout(() => void this.#read(turn), RETRY_DELAY_MS);
  }

  /**
   * @param {string} id
   * @param {number} now ms
   */
  async #readOne(id, now) {
    this.#isAsking = true;
    try {
      const record = await oneRecord(this.#address, id, this.#token.headers);
      if (record) this.#tell(this.#downloads.takeRecord(record, now, Date.now()));
      // Who publishes without our records is unknown to the list from the beginning; that says nothing.
      else if (typeof this.#downloads.get(id)?.createdAt === "number") this.#tell(this.#downloads.delete(id));
    } catch (error) {
      if (!(error instanceof RecordsUnavailable)) throw error;
    } finally {
      this.#isAsking = false;
    }
  }

  /** @param {Change | null} change */
  #tell(change) {
    if (change) this.#onChange(change);
  }
}
