// The rows that are selected, by mouse, keyboard or touch. Only rows that are shown can be.

import { byId, isTyping } from "./dom.js";

/** @typedef {import("./row.js").Row} Row */

const LONG_PRESS_MS = 500;
/** A finger that moves further scrolls. */
const MAX_PRESS_PX = 10;
/** Parts of a row that have a use of their own. */
const CONTROLS = "button, a, input, .row-dialog";

const [list] = byId("rows");

export class Selection {
  /** @type {Set<Row>} */
  #rows = new Set();
  /** The range that was selected last: its first row, and the one that moves. @type {[Row, Row] | null} */
  #range = null;
  /** @type {{x: number, y: number, timer: ReturnType<typeof setTimeout>} | null} */
  #press = null;
  /** True while the click that ends a long press is still to come. */
  #swallows = false;
  #isTouch = false;
  #rowOf;
  #shown;
  #onChange;
  #onEnter;

  /**
   * @param {object} options
   * @param {(target: EventTarget | null) => Row | null} options.rowOf
   * @param {() => Row[]} options.shown all rows that are shown, from the top
   * @param {() => void} options.onChange
   * @param {() => void} options.onEnter the person is done with selecting
   */
  constructor({ rowOf, shown, onChange, onEnter }) {
    this.#rowOf = rowOf;
    this.#shown = shown;
    this.#onChange = onChange;
    this.#onEnter = onEnter;
    // Before the buttons: a click that selects does nothing else.
    list.addEventListener("click", (/** @type {MouseEvent} */ event) => this.#click(event), { capture: true });
    list.addEventListener("mousedown", (/** @type {MouseEvent} */ event) => {
      if (event.shiftKey && !isTyping(event.target)) event.preventDefault(); // it would select text
    });
    list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    document.addEventListener("keydown", (event) => this.#keyAnywhere(event));
    this.#listenToFingers();
  }

  /** @returns {Row[]} from the top */
  get rows() {
    return this.#rows.size === 0 ? [] : this.#shown().filter((row) => this.#rows.has(row));
  }

  get size() {
    return this.#rows.size;
  }

  selectAll() {
    for (const row of this.#shown()) this.#set(row, true);
    this.#onChange();
  }

  clear() {
    if (this.#rows.size === 0) return;
    for (const row of this.#rows) this.#set(row, false);
    this.#range = null;
    this.#onChange();
  }

  /** @param {Row} row that is shown no longer */
  drop(row) {
    if (this.#range?.includes(row)) this.#range = null;
    if (!this.#rows.has(row)) return;
    this.#set(row, false);
    this.#onChange();
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const row = this.#rowOf(event.target);
    if (!row || !(event.target instanceof Element)) return;
    const isBox = event.target === row.slots.select;
    const control = event.target.closest(CONTROLS);
    const isFree = control === null || control === row.slots.title;
    const taps = this.#isTouch && this.#rows.size > 0;
    if (this.#swallows) event.preventDefault();
    else if (event.shiftKey && (isBox || isFree)) this.#selectTo(row, this.#range?.[0] ?? row);
    else if (isBox || (isFree && (event.ctrlKey || event.metaKey || taps))) this.#toggle(row);
    else return;
    this.#swallows = false;
    event.stopPropagation();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const row = this.#rowOf(event.target);
    const isOnRow = row && (event.target === row.element || event.target === row.slots.select);
    if (!isOnRow || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && event.target === row.element) this.#toggle(row);
    else if (event.key === "Enter") this.#onEnter();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const rows = this.#shown();
      const next = rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)];
      if (!next) return;
      next.slots.select.focus();
      if (event.shiftKey) this.#selectTo(next, this.#range?.[1] === row ? this.#range[0] : row);
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
    this.selectAll();
  }

  #listenToFingers() {
    list.addEventListener("pointerdown", (/** @type {PointerEvent} */ { target, pointerType, clientX: x, clientY: y }) => {
      this.#isTouch = pointerType === "touch";
      this.#swallows = false;
      this.#endPress();
      const row = this.#rowOf(target);
      if (!row || !this.#isTouch || !(target instanceof Element) || target.closest(".actions, .row-dialog, .link")) return;
      const timer = setTimeout(() => {
        this.#swallows = true;
        this.#toggle(row);
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

  /** @param {Row} row */
  #toggle(row) {
    this.#set(row, !this.#rows.has(row));
    this.#range = [row, row];
    this.#onChange();
  }

  /**
   * Selects from one row to another, in place of the range before that began there.
   * @param {Row} row
   * @param {Row} first
   */
  #selectTo(row, first) {
    const rows = this.#shown();
    const between = (/** @type {Row} */ one, /** @type {Row} */ other) => {
      const [low, high] = [rows.indexOf(one), rows.indexOf(other)].sort((a, b) => a - b);
      return low < 0 ? [] : rows.slice(low, high + 1);
    };
    if (this.#range?.[0] === first) for (const left of between(...this.#range)) this.#set(left, false);
    for (const taken of between(first, row)) this.#set(taken, true);
    this.#range = [first, row];
    this.#onChange();
  }

  /**
   * @param {Row} row
   * @param {boolean} isSelected
   */
  #set(row, isSelected) {
    if (isSelected) this.#rows.add(row);
    else this.#rows.delete(row);
    row.setSelected(isSelected);
  }
}
