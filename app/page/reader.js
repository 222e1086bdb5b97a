// Reads the server's lists: the newest of each at the start, and more as far as the person scrolls or searches.

import { hasEnded } from "./merge.js";
import { Listing } from "./listing.js";
import { waitingRank } from "./queue.js";
import { RecordsUnavailable } from "./records.js";

/** @typedef {import("./downloads.js").Change} Change */
/** @typedef {import("./downloads.js").State} State */
/** @typedef {"downloads" | "jobs"} Name */

/**
 * @typedef {object} View the downloads that are wanted
 * @property {string} word "" for all, else one that is to be in their name or host
 * @property {string} state "" for all, "active" for those that have not ended, "pausable" for those that wait or run
 */

/** @type {Record<string, State[]>} */
const STATES_OF = {
  running: ["running"],
  waiting: ["queued", "paused"],
  ended: ["complete", "error", "cancelled"],
  all: ["running", "queued", "paused", "complete", "error", "cancelled"],
};
/** @type {Name[]} */
const NAMES = ["downloads", "jobs"];
const RETRY_DELAY_MS = 5_000;
const ASK_INTERVAL_MS = 10_000;
const FIRST_ASK_MS = 2_000;

export class Reader {
  /** By name and query. @type {Map<string, Listing>} */
  #listings = new Map();
  /** The names of the lists that one page did not hold. @type {Set<Name>} */
  #long = new Set();
  /** The number of those that are not known here. @type {Map<string, number>} */
  #unread = new Map();
  /** Counts comparisons: what belongs to an earlier one is out of date. */
  #run = 0;
  #isReading = false;
  #retryAt = -Infinity;
  #askedAt = -Infinity;
  #word = "";
  #downloads;
  #onChange;
  #onRead;

  /**
   * @param {import("./downloads.js").Downloads} downloads
   * @param {(change: Change) => void} onChange
   * @param {() => void} onRead one more page was read
   */
  constructor(downloads, onChange, onRead) {
    this.#downloads = downloads;
    this.#onChange = onChange;
    this.#onRead = onRead;
  }

  /**
   * Compares the page with the server's lists, as far as they were read before: one that neither they nor an event
   * since the start of the reconciliation knows is gone.
   * @param {() => boolean} isWanted false once another comparison has begun
   * @throws {RecordsUnavailable}
   */
  async compare(isWanted) {
    const before = this.#listings;
    this.#listings = new Map();
    this.#long.clear();
    this.#run += 1;
    const wholes = await Promise.all(NAMES.map((name) => this.#readOn(name, "", isWanted)));
    if (wholes.every(({ isMissing }) => isMissing)) throw new RecordsUnavailable(false);
    this.#long = new Set(NAMES.filter((_, index) => !wholes[index].isDone));
    this.#unread.clear();
    const again = [...this.#long].flatMap((name) => STATES_OF.all.map(async (state) => {
      const listing = this.#listing(name, state);
      const { count } = before.get(keyOf(name, state)) ?? listing;
      do {
        if (!listing.isDone) await this.#readOn(name, state, isWanted);
      } while (isWanted() && !listing.isDone && listing.count < count);
    }));
    await Promise.all(again);
    if (!isWanted()) return;
    this.#askedAt = Date.now() - ASK_INTERVAL_MS + FIRST_ASK_MS; // the snapshot makes more of them known meanwhile
    for (const { id } of this.#downloads.unconfirmed()) {
      const change = this.#downloads.delete(id);
      if (change) this.#onChange(change);
    }
    for (const name of this.#long) for (const state of STATES_OF.all) this.#countUnread(name, state);
  }

  /**
   * Reads on where rows are shown of which the server may know more. To be called after each frame.
   * @param {Iterable<[string, number]>} depths the name of each group near the screen, and the rank of its last row there,
   *   -Infinity at its end; "" for the end of all
   * @param {View} view
   * @param {number} now ms
   */
  demand(depths, { word, state }, now) {
    if (word !== this.#word) for (const name of NAMES) this.#listings.delete(keyOf(name, "", this.#word));
    this.#word = word;
    if (this.#isReading || now < this.#retryAt) return;
    const wanted = [];
    for (const [group, depth] of depths) {
      if (group === "" && word === "") continue;
      const parts = this.#partsOf({ word, state }, STATES_OF[group || "all"]);
      wanted.push(...parts.filter((part) => !part.listing.isDone && horizonIn(group, part) > depth));
    }
    wanted.sort((a, b) => b.listing.horizon - a.listing.horizon);
    const run = this.#run;
    const [next] = wanted;
    if (next) void this.#whileAlone(() => this.#readOn(next.name, next.state, () => run === this.#run, next.word));
  }

  /** True while the server is searched. */
  get isSearching() {
    return this.#isReading && this.#word !== "";
  }

  /**
   * @param {string} group
   * @param {string} [filter] of states, as a view has it
   * @returns {number} of how many downloads and jobs the server alone knows
   */
  countUnread(group, filter = "") {
    let sum = 0;
    for (const name of this.#long) {
      for (const state of STATES_OF[group]) if (isIn(state, filter)) sum += this.#unread.get(keyOf(name, state)) ?? 0;
    }
    return sum;
  }

  /**
   * Asks now and then how many there are. It may be called at any rate.
   * @param {number} now ms
   */
  ask(now) {
    if (this.#long.size === 0 || this.#isReading || now - this.#askedAt < ASK_INTERVAL_MS || now < this.#retryAt) return;
    this.#askedAt = now;
    void this.#whileAlone(async () => {
      for (const name of this.#long) {
        for (const state of STATES_OF.all) {
          const listing = this.#listing(name, state);
          if (listing.isDone) continue;
          await listing.ask();
          this.#countUnread(name, state);
        }
      }
    });
  }

  /**
   * Reads all that match, page by page.
   * @param {View} view
   * @param {() => boolean} isWanted
   * @returns {Promise<boolean>} false where it ended before: it is not wanted any more, or the server can't be reached
   */
  async readAll(view, isWanted) {
    const run = this.#run;
    const goesOn = () => run === this.#run && isWanted();
    const parts = this.#partsOf(view, STATES_OF.all);
    await this.#whileAlone(async () => {
      for (const { listing, name, state, word } of parts) {
        while (goesOn() && !listing.isDone) await this.#readOn(name, state, () => run === this.#run, word);
      }
    });
    return goesOn() && parts.every(({ listing }) => listing.isDone);
  }

  /** Notes that nothing that has ended is left on the server. */
  forgetEnded() {
    for (const name of this.#long) {
      for (const state of STATES_OF.ended) {
        this.#listing(name, state).isDone = true;
        this.#unread.set(keyOf(name, state), 0);
      }
    }
  }

  /**
   * @param {View} view
   * @param {State[]} states
   * @returns {{listing: Listing, name: Name, state: string, word: string}[]} of the long lists, all that may have more of it
   */
  #partsOf({ word, state }, states) {
    return [...this.#long].flatMap((name) => {
      if (word !== "" && name === "downloads") return [{ listing: this.#listing(name, "", word), name, state: "", word }];
      // That of jobs has no search.
      const matching = states.filter((one) => isIn(one, state));
      return matching.map((one) => ({ listing: this.#listing(name, one), name, state: one, word: "" }));
    });
  }

  /** @param {() => Promise<unknown>} read */
  async #whileAlone(read) {
    this.#isReading = true;
    try {
      await read();
    } catch (error) {
      if (!(error instanceof RecordsUnavailable)) throw error;
      this.#retryAt = Date.now() + RETRY_DELAY_MS;
    } finally {
      this.#isReading = false;
      this.#onRead();
    }
  }

  /**
   * @param {Name} name
   * @param {string} state "" for all
   * @param {() => boolean} isWanted
   * @param {string} [word]
   * @returns {Promise<Listing>} with one more page
   */
  async #readOn(name, state, isWanted, word = "") {
    const listing = this.#listing(name, state, word);
    const requestedAt = Date.now();
    const records = await listing.read();
    if (!isWanted()) return listing;
    for (const record of records) {
      const change = this.#downloads.applyRecord(record, requestedAt, Date.now());
      if (change) this.#onChange(change);
    }
    this.#countUnread(name, state);
    return listing;
  }

  /**
   * @param {Name} name
   * @param {string} state
   */
  #countUnread(name, state) {
    if (state === "") return;
    const { total, isDone } = this.#listing(name, state);
    const known = this.#downloads.counts.ofRecorded(name === "jobs", /** @type {State} */ (state));
    this.#unread.set(keyOf(name, state), isDone ? 0 : Math.max(0, total - known));
  }

  /**
   * @param {Name} name
   * @param {string} state
   * @param {string} [word]
   * @returns {Listing}
   */
  #listing(name, state, word = "") {
    const key = keyOf(name, state, word);
    const known = this.#listings.get(key);
    if (known) return known;
    const order = isQueue(name, state) && { sort: "queue", order: "asc" };
    const listing = new Listing(name, { ...(state && { state }), ...order, ...(word && { search: word }) });
    listing.isDone = name === "jobs" && state === "paused"; // a job has no such state
    this.#listings.set(key, listing);
    return listing;
  }
}

/**
 * @param {Name} name
 * @param {string} state
 * @returns {boolean} whether it is read as workers claim
 */
function isQueue(name, state) {
  return name === "downloads" && state === "queued";
}

/**
 * @param {string} group
 * @param {{listing: Listing, name: Name, state: string}} part
 * @returns {number} how far the list has been read, as a rank of that group
 */
function horizonIn(group, { listing: { horizon }, name, state }) {
  const isRead = horizon < Infinity;
  if (isQueue(name, state)) return group === "waiting" || !isRead ? horizon : Infinity; // it has no times
  if (group !== "waiting" || !isRead) return horizon;
  // Of a search any match may be in the queue.
  return state === "" ? Infinity : waitingRank({ state: /** @type {State} */ (state), queueRank: null }, horizon);
}

/**
 * @param {string} name
 * @param {string} state
 * @param {string} [word]
 * @returns {string}
 */
function keyOf(name, state, word = "") {
  return `${name} ${state} ${word}`;
}

/**
 * @param {State} state
 * @param {string} filter
 * @returns {boolean}
 */
function isIn(state, filter) {
  if (filter === "active") return !hasEnded(state);
  if (filter === "pausable") return state === "queued" || state === "running";
  return filter === "" || filter === state;
}
