// The downloads that are selected, by mouse, keyboard or touch. Only those that are shown can be.

import { byId, isTyping } from "./dom.js";

/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./row.js").Row} Row */

const LONG_PRESS_MS = 500;
/** A finger that moves further scrolls. */
const MAX_PRESS_PX = 10;
/** Parts of a row that have a use of their own. */
const CONTROLS = "button, a, input, .row-dialog";

const [list] = byId("rows");

export class Selection {
  /** @type {Set<Download>} */
  #downloads = new Set();
  /** The range that was selected last: its first row, and the one that moves. @type {[Download, Download] | null} */
  #range = null;
  /** @type {{x: number, y: number, timer: ReturnType<typeof setTimeout>} | null} */
  #press = null;
  /** True while the click that ends a long press is still to come. */
  #swallows = false;
  #isTouch = false;
  /** While all are read that are to be selected. @type {object | null} */
  #reading = null;
  /** True once some of those that match were not read. */
  isPartial = false;
  #rows;
  #onChange;
  #onEnter;
  #readAll;

  /**
   * @param {import("./rows.js").Rows} rows
   * @param {() => void} onChange
   * @param {() => void} onEnter the person is done with selecting
   * @param {(isWanted: () => boolean) => Promise<boolean>} readAll reads all that match from the server, and gives each to
   *   `take`; false where there may be more
   */
  constructor(rows, onChange, onEnter, readAll) {
    this.#rows = rows;
    this.#onChange = onChange;
    this.#onEnter = onEnter;
    this.#readAll = readAll;
    // Before the buttons: a click that selects does nothing else.
    list.addEventListener("click", (/** @type {MouseEvent} */ event) => this.#click(event), { capture: true });
    list.addEventListener("mousedown", (/** @type {MouseEvent} */ event) => {
      if (event.shiftKey && !isTyping(event.target)) event.preventDefault(); // it would select text
    });
    list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    document.addEventListener("keydown", (event) => this.#keyAnywhere(event));
    this.#listenToFingers();
  }

  /** @returns {Download[]} from the top */
  get inOrder() {
    return this.#rows.shown.filter((download) => this.#downloads.has(download));
  }

  get size() {
    return this.#downloads.size;
  }

  /** @returns {Iterable<Download>} in no order */
  values() {
    return this.#downloads;
  }

  /**
   * @param {Download} download
   * @returns {boolean}
   */
  has(download) {
    return this.#downloads.has(download);
  }

  /** True while more are read that are to be selected. */
  get isReading() {
    return this.#reading !== null;
  }

  /** Selects all that are known to match, and then those that the server alone knows. */
  async selectAll() {
    const reading = {};
    this.#reading = reading;
    this.isPartial = false;
    for (const download of this.#rows.shown) this.#downloads.add(download);
    this.#onChange();
    const isWhole = await this.#readAll(() => this.#reading === reading);
    if (this.#reading !== reading) return;
    this.#reading = null;
    this.isPartial = !isWhole;
    this.#onChange();
  }

  /** Selects no more than those that have been read. */
  stop() {
    if (!this.#reading) return;
    this.#reading = null;
    this.isPartial = true;
    this.#onChange();
  }

  /** @param {Download} download that matches, and was read */
  take(download) {
    if (this.#reading && !this.#rows.isShown(download)) this.#downloads.add(download);
  }

  clear() {
    this.#reading = null;
    this.isPartial = false;
    if (this.#downloads.size === 0) return;
    this.#downloads.clear();
    this.#range = null;
    this.#onChange();
  }

  /** Drops those that are shown no longer. */
  update() {
    for (const download of this.#downloads) if (!this.#rows.isShown(download)) this.#downloads.delete(download);
    if (this.#downloads.size === 0 && !this.#reading) this.isPartial = false;
    if (this.#range?.some((download) => !this.#rows.isShown(download))) this.#range = null;
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const row = this.#rows.rowOf(event.target);
    if (!row?.download || !(event.target instanceof Element)) return;
    const isBox = event.target === row.slots.select;
    const control = event.target.closest(CONTROLS);
    const isFree = control === null || control === row.slots.title;
    const taps = this.#isTouch && this.#downloads.size > 0;
    if (this.#swallows) event.preventDefault();
    else if (event.shiftKey && (isBox || isFree)) {
      this.#selectTo(row.download, this.#range?.[0] ?? row.download);
    } else if (isBox || (isFree && (event.ctrlKey || event.metaKey || taps))) this.#toggle(row.download);
    else return;
    this.#swallows = false;
    event.stopPropagation();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const row = this.#rows.rowOf(event.target);
    const isOnRow = row?.download && (event.target === row.element || event.target === row.slots.select);
    if (!row?.download || !isOnRow || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && event.target === row.element) this.#toggle(row.download);
    else if (event.key === "Enter") this.#onEnter();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const next = this.#rows.beside(row.download, event.key === "ArrowDown" ? 1 : -1);
      if (!next?.download) return;
      next.slots.select.focus();
      const first = this.#range?.[1] === row.download ? this.#range[0] : row.download;
      if (event.shiftKey) this.#selectTo(next.download, first);
    } else return;
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #keyAnywhere(event) {
    const { activeElement } = document;
    const isHere = activeElement === document.body || activeElement?.closest("#rows, .sheets");
    if (event.defaultPrevented || isTyping(event.target) || !isHere) return;
    if (event.key === "Escape") this.clear();
    const isAll = event.key === "a" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (!isAll || !list.checkVisibility()) return;
    event.preventDefault();
    void this.selectAll();
  }

  #listenToFingers() {
    list.addEventListener("pointerdown", (/** @type {PointerEvent} */ { target, pointerType, clientX: x, clientY: y }) => {
      this.#isTouch = pointerType === "touch";
      this.#swallows = false;
      this.#endPress();
      const download = this.#rows.rowOf(target)?.download;
      if (!download || !this.#isTouch || !(target instanceof Element) || target.closest(".actions, .row-dialog, .link")) return;
      const timer = setTimeout(() => {
        this.#swallows = true;
        this.#toggle(download);
      }, LONG_PRESS_MS);
      this.#press = { x, y, timer };
    });
    list.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      const { x, y } = this.#press ?? { x: event.clientX, y: event.clientY };
      if (Math.hypot(event.clientX - x, event.clientY - y) > MAX_PRESS_PX) this.#endPress();
    });
    for (const type of ["pointerup", "pointercancel"]) list.addEventListener(type, () => this.#endPress());
    list.addEventListener("contextmenu", (/** @type {MouseEvent} */ event) => {
      if (this.#isTouch) event.preventDefault(); // a long press selects
    });
  }

  #endPress() {
    clearTimeout(this.#press?.timer);
    this.#press = null;
  }

  /** @param {Download} download */
  #toggle(download) {
    if (!this.#downloads.delete(download)) this.#downloads.add(download);
    this.#range = [download, download];
    this.#onChange();
  }

  /**
   * Selects from one row to another, in place of the range before that began there.
   * @param {Download} download
   * @param {Download} first
   */
  #selectTo(download, first) {
    const { shown } = this.#rows;
    const between = (/** @type {Download} */ one, /** @type {Download} */ other) => {
      const [low, high] = [shown.indexOf(one), shown.indexOf(other)].sort((a, b) => a - b);
      return low < 0 ? [] : shown.slice(low, high + 1);
    };
    if (this.#range?.[0] === first) for (const left of between(...this.#range)) this.#downloads.delete(left);
    for (const taken of between(first, download)) this.#downloads.add(taken);
    this.#range = [first, download];
    this.#onChange();
  }
}
