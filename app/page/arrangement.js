// The places of all rows, seen or not: those that run above those that wait above those that have ended, or all by
// creation. In each group the newest is on top, but those that wait stand as workers claim them. Pure: no DOM, no clock.

import { hasEnded } from "./merge.js";
import { isQueueRank, waitingRank } from "./queue.js";

/** @typedef {import("./downloads.js").Download} Download */

/**
 * @typedef {object} Item the place of one download
 * @property {Download} download
 * @property {Group} group
 * @property {number} rank the higher in its group the greater
 * @property {number} time of its creation: the newer the greater; decides between equal ranks
 * @property {number} serial decides between equal ranks
 * @property {boolean} isPaused when it got its place
 * @property {boolean} isListed whether it matches the filter: only these stand in a group
 */

/** @typedef {{group: Group, rank: number, time: number, isListed: boolean}} Place of an item, from the next `settle` on */

/** More changes than these are made in one pass over the group. */
const MAX_SPLICES = 32;

/** Rows below one heading. */
export class Group {
  /** From the top. @type {Item[]} */
  items = [];
  /** Its rows are hidden below their heading. They are listed all the same. */
  isFolded = false;

  /** @param {"running" | "waiting" | "ended" | "all"} name */
  constructor(name) {
    this.name = name;
  }

  /**
   * @param {Item} item
   * @returns {number} where it stands, or would stand
   */
  indexOf(item) {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.items[middle], item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {Set<Item>} leaving which stand in it */
  remove(leaving) {
    if (leaving.size > MAX_SPLICES) this.items = this.items.filter((item) => !leaving.has(item));
    else for (const item of leaving) this.items.splice(this.indexOf(item), 1);
  }

  /** @param {Item[]} arriving */
  insert(arriving) {
    if (arriving.length <= MAX_SPLICES) {
      for (const item of arriving) this.items.splice(this.indexOf(item), 0, item);
      return;
    }
    arriving.sort((one, other) => this.#compare(one, other));
    const merged = [];
    let next = 0;
    for (const item of this.items) {
      while (next < arriving.length && this.#compare(arriving[next], item) < 0) merged.push(arriving[next++]);
      merged.push(item);
    }
    while (next < arriving.length) merged.push(arriving[next++]);
    this.items = merged;
  }

  /**
   * @param {Item} one
   * @param {Item} other
   * @returns {number} negative where the first is above
   */
  #compare(one, other) {
    if (one.rank !== other.rank) return other.rank - one.rank;
    const isInQueue = this.name === "waiting" && isQueueRank(one.rank);
    if (isInQueue && one !== other) return one.download.id < other.download.id ? -1 : 1; // as workers claim
    return other.time - one.time || other.serial - one.serial;
  }
}

export class Arrangement {
  #running = new Group("running");
  #waiting = new Group("waiting");
  #ended = new Group("ended");
  #all = new Group("all");
  groups = [this.#running, this.#waiting, this.#ended, this.#all];
  /** @type {Map<string, Item>} */
  #items = new Map();
  /** @type {Map<Item, Place>} */
  #next = new Map();
  /** Those that another group waits for. @type {Set<Item>} */
  #held = new Set();
  /** @type {Set<Item>} */
  #gone = new Set();
  /** @type {(download: Download) => boolean} */
  #matches = () => true;
  #isByState = true;
  #serial = 0;

  /**
   * @param {string} id
   * @returns {Item | undefined}
   */
  get(id) {
    return this.#items.get(id);
  }

  /**
   * Notes that a download is new or has changed.
   * @param {Download} download
   * @param {boolean} isHeld whether it stays in its group, whatever its state is
   */
  set(download, isHeld) {
    let item = this.#items.get(download.id);
    if (!item || this.#gone.has(item)) {
      item = { download, group: this.#all, rank: 0, time: 0, serial: ++this.#serial, isPaused: false, isListed: false };
      this.#items.set(download.id, item);
    } else if (isHeld && item.isListed) {
      const isElsewhere = this.#groupOf(download) !== item.group || (download.state === "paused") !== item.isPaused;
      if (isElsewhere) this.#held.add(item);
      this.#move(item, item.group, isElsewhere ? item.rank : undefined);
      return;
    }
    this.#move(item, this.#groupOf(download));
  }

  /** @param {string} id of one that is gone */
  remove(id) {
    const item = this.#items.get(id);
    if (!item) return;
    this.#gone.add(item);
    this.#held.delete(item);
    this.#next.set(item, { group: item.group, rank: item.rank, time: item.time, isListed: false });
  }

  /** Lets those move that were held. */
  release() {
    for (const item of this.#held) this.#move(item, this.#groupOf(item.download));
    this.#held.clear();
  }

  /** @param {(download: Download) => boolean} matches */
  filter(matches) {
    this.#matches = matches;
    for (const item of this.#items.values()) {
      if (!this.#gone.has(item)) this.#move(item, this.#next.get(item)?.group ?? item.group);
    }
  }

  /** @param {boolean} isByState else all are in one group */
  arrangeByState(isByState) {
    this.#isByState = isByState;
    for (const item of this.#items.values()) if (!this.#gone.has(item)) this.#move(item, this.#groupOf(item.download));
  }

  /**
   * Makes the changes.
   * @returns {boolean} whether there were any
   */
  settle() {
    if (this.#next.size === 0) return false;
    /** @type {Map<Group, {leaving: Set<Item>, arriving: Item[]}>} */
    const changes = new Map(this.groups.map((group) => [group, { leaving: new Set(), arriving: [] }]));
    for (const [item, place] of this.#next) {
      if (item.isListed) changes.get(item.group)?.leaving.add(item);
      if (place.isListed) changes.get(place.group)?.arriving.push(item);
    }
    for (const [group, { leaving }] of changes) group.remove(leaving);
    for (const [item, place] of this.#next) Object.assign(item, place);
    for (const [group, { arriving }] of changes) group.insert(arriving);
    for (const item of this.#gone) if (this.#items.get(item.download.id) === item) this.#items.delete(item.download.id);
    this.#gone.clear();
    this.#next.clear();
    return true;
  }

  /** @returns {number} the rows that match the filter */
  get size() {
    return this.groups.reduce((sum, { items }) => sum + items.length, 0);
  }

  /** @returns {Item[]} all that match the filter, from the top */
  get listed() {
    return this.groups.flatMap(({ items }) => items);
  }

  /**
   * @param {Item} item which is listed
   * @param {1 | -1} step downwards or upwards
   * @returns {Item | undefined} the nearest one that can have the focus after the next `settle`
   */
  neighbourOf(item, step) {
    let at = this.groups.indexOf(item.group);
    let index = item.group.indexOf(item) + step;
    for (let group = this.groups[at]; group; group = this.groups[at]) {
      for (; index >= 0 && index < group.items.length; index += step) {
        if (this.stays(group.items[index])) return group.items[index];
      }
      at += step;
      index = step > 0 ? 0 : (this.groups[at]?.items.length ?? 0) - 1;
    }
    return undefined;
  }

  /**
   * @param {Item} item
   * @returns {boolean} whether it is listed from the next `settle` on, and not folded away
   */
  stays(item) {
    const { isListed, group } = this.#next.get(item) ?? item;
    return isListed && !group.isFolded;
  }

  /**
   * @param {Item} item
   * @param {Group} group
   * @param {number} [kept] its rank, where it keeps that
   */
  #move(item, group, kept) {
    const { download } = item;
    const rank = kept ?? (group === this.#waiting ? waitingRank(download, download.rank) : download.rank);
    if (kept === undefined) item.isPaused = download.state === "paused";
    const time = kept === undefined ? download.rank : item.time;
    const isListed = this.#matches(item.download);
    const isThere = item.rank === rank && item.time === time && item.group === group;
    const isSame = item.isListed === isListed && (!isListed || isThere);
    if (isSame && !isListed) Object.assign(item, { group, rank, time });
    if (isSame) this.#next.delete(item);
    else this.#next.set(item, { group, rank, time, isListed });
  }

  /**
   * @param {Download} download
   * @returns {Group}
   */
  #groupOf({ state }) {
    if (!this.#isByState) return this.#all;
    if (state === "running") return this.#running;
    return hasEnded(state) ? this.#ended : this.#waiting;
  }
}
