// The rows in their order: those that run above those that wait above those that have ended, or all by creation. In each
// group the newest is on top.

import { byId } from "./dom.js";
import { hasEnded } from "./merge.js";

/** @typedef {import("./row.js").Row} Row */

/** One list of rows below its heading. */
export class Group {
  /** Newest first. @type {Row[]} */
  rows = [];
  #shown = 0;
  #section;
  #list;
  #count;

  /** @param {string} name */
  constructor(name) {
    [this.#section, this.#list, this.#count] = byId(`group-${name}`, `rows-${name}`, `count-${name}`);
  }

  /** @param {Row} row */
  insert(row) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].rank > row.rank) low = middle + 1;
      else high = middle;
    }
    if (row.isShown) this.#section.hidden = false; // nothing in a hidden one takes the focus
    this.#list.insertBefore(row.element, this.rows[low]?.element ?? null);
    this.rows.splice(low, 0, row);
  }

  /** @param {Row} row */
  remove(row) {
    this.rows.splice(this.rows.indexOf(row), 1);
  }

  /**
   * Takes these rows in place of its own. Elements that are in their place already are not touched.
   * @param {Row[]} rows newest first
   */
  replace(rows) {
    this.rows = rows;
    if (rows.some(({ isShown }) => isShown)) this.#section.hidden = false;
    const own = new Set(rows.map(({ element }) => element));
    let next = this.#list.firstElementChild;
    for (const { element } of rows) {
      while (next && !own.has(next)) next = next.nextElementSibling; // another group takes it
      if (element === next) next = next.nextElementSibling;
      else this.#list.insertBefore(element, next);
    }
  }

  /** @returns {number} its rows that match the filter, which its heading tells */
  showCount() {
    let shown = 0;
    for (const { isShown } of this.rows) if (isShown) shown += 1;
    this.#section.hidden = shown === 0;
    if (shown !== this.#shown) {
      this.#shown = shown;
      if (this.#count) this.#count.textContent = String(shown);
    }
    return shown;
  }
}

export class RowGroups {
  #running = new Group("running");
  #waiting = new Group("waiting");
  #ended = new Group("ended");
  #all = new Group("all");
  #groups = [this.#running, this.#waiting, this.#ended, this.#all];
  #isByState = true;
  #lastRank = 0;

  /** @returns {Row[]} all, from the top */
  inOrder() {
    return this.#groups.flatMap(({ rows }) => rows);
  }

  /**
   * Puts a row into the group of its state: a new one on top of it.
   * @param {Row} row
   */
  place(row) {
    const group = this.#groupOf(row);
    if (row.group === group) return;
    row.rank ||= ++this.#lastRank;
    keepFocus(() => {
      row.group?.remove(row);
      row.group = group;
      group.insert(row);
    });
  }

  /** @param {Row} row */
  remove(row) {
    row.group?.remove(row);
    row.element.remove();
  }

  /** @param {Row[]} rows all of them, oldest first */
  sort(rows) {
    this.#lastRank = 0;
    for (const row of rows) row.rank = ++this.#lastRank;
    this.#arrange();
  }

  /** @param {boolean} isByState else all are in one list */
  arrangeByState(isByState) {
    this.#isByState = isByState;
    this.#arrange();
  }

  /** @returns {number} the rows that match the filter */
  showCounts() {
    return this.#groups.reduce((sum, group) => sum + group.showCount(), 0);
  }

  #arrange() {
    const rows = this.inOrder().sort((a, b) => b.rank - a.rank);
    for (const row of rows) row.group = this.#groupOf(row);
    keepFocus(() => {
      for (const group of this.#groups) group.replace(rows.filter((row) => row.group === group));
    });
  }

  /**
   * @param {Row} row
   * @returns {Group}
   */
  #groupOf({ download }) {
    if (!this.#isByState || download === null) return this.#all;
    if (download.state === "running") return this.#running;
    return hasEnded(download.state) ? this.#ended : this.#waiting;
  }
}

/** @param {() => void} move an element that is moved loses the focus */
function keepFocus(move) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  move();
  if (focused && focused !== document.activeElement) focused.focus({ preventScroll: true });
}
