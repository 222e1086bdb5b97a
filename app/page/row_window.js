// The elements of one group of rows: those near the screen, and space in place of the others.

import { byId } from "./dom.js";

/** @typedef {import("./arrangement.js").Item} Item */
/** @typedef {import("./row.js").Row} Row */

/** Rows are elements this far beyond both ends of the screen. */
const MARGIN_PX = 500;
/** Each row is at least as high; until one was measured, this is taken. */
const ASSUMED_HEIGHT_PX = 72;

export class RowWindow {
  /** The rows that are elements, from the top. @type {Map<Item, Row>} */
  rows = new Map();
  /** The part of the group that is near the screen: its first index, and the one behind its last. */
  first = 0;
  last = 0;
  #height = ASSUMED_HEIGHT_PX;
  #isMeasured = false;
  /** @type {HTMLElement[]} */
  #spaces = [];
  #shown = "";
  #section;
  #list;
  #count;

  /** @param {import("./arrangement.js").Group} group */
  constructor(group) {
    this.group = group;
    const { name } = group;
    [this.#section, this.#list, this.#count] = byId(`group-${name}`, `rows-${name}`, `count-${name}`);
  }

  /** To be called when the width of rows may have changed, and with it their height. */
  measureAgain() {
    this.#isMeasured = false;
  }

  /**
   * Chooses the rows that are elements from now on. Reads the document, and writes nothing.
   * @param {number} height of the screen, px
   * @returns {boolean} whether they change
   */
  choose(height) {
    const { items } = this.group;
    const [top, bottom] = [-MARGIN_PX, height + MARGIN_PX];
    if (!this.#isMeasured) this.#measure();
    let index = 0;
    let start = this.#section.hidden ? 0 : this.#list.getBoundingClientRect().top;
    // A row that is there tells more exactly: others above it may be higher than most.
    for (const [item, { element }] of this.rows) {
      const rect = element.getBoundingClientRect();
      if (rect.bottom < top || item.group !== this.group || !item.isListed) continue;
      if (rect.top < bottom && !this.#section.hidden) [index, start] = [this.group.indexOf(item), rect.top];
      break;
    }
    const end = this.group.isFolded ? 0 : items.length;
    const clamp = (/** @type {number} */ at) => Math.max(0, Math.min(end, at));
    const first = clamp(index + Math.floor((top - start) / this.#height));
    const last = clamp(index + Math.ceil((bottom - start) / this.#height));
    const changes = first !== this.first || last !== this.last;
    [this.first, this.last] = [first, last];
    return changes;
  }

  /**
   * Puts the rows that were chosen, and a few others, in their places.
   * @param {(item: Item) => Row} rowOf makes one that is missing
   * @param {Iterable<Item>} pinned items of any group that are elements wherever they stand
   */
  place(rowOf, pinned) {
    const { items } = this.group;
    const indices = new Set();
    for (const item of pinned) {
      if (item.group !== this.group || !item.isListed) continue;
      // Those beside one with the focus are the next for the keyboard.
      const at = this.group.indexOf(item);
      for (let index = at - 1; index <= at + 1; index += 1) if (items[index]) indices.add(index);
    }
    for (let index = this.first; index < this.last; index += 1) indices.add(index);
    this.rows = new Map();
    /** @type {HTMLElement[]} */
    const elements = [];
    let spaces = 0;
    let next = 0;
    const skipTo = (/** @type {number} */ index) => {
      if (index > next) elements.push(this.#space(spaces++, index - next));
    };
    for (const index of [...indices].sort((a, b) => a - b)) {
      const row = rowOf(items[index]);
      skipTo(index);
      next = index + 1;
      this.rows.set(items[index], row);
      elements.push(row.element);
    }
    skipTo(items.length);
    this.#list.hidden = this.group.isFolded;
    if (items.length > 0) this.#section.hidden = false; // nothing in a hidden one takes the focus
    replaceChildren(this.#list, elements);
  }

  /**
   * Tells the number of rows, in the heading and to screen readers.
   * @param {number} more rows that the server has beyond those known
   */
  showCount(more) {
    const size = this.group.items.length + more;
    this.#section.hidden = this.group.items.length === 0;
    for (const [item, row] of this.rows) row.setPosition(this.group.indexOf(item) + 1, size);
    if (String(size) === this.#shown) return;
    this.#shown = String(size);
    if (this.#count) this.#count.textContent = this.#shown;
  }

  #measure() {
    const heights = Array.from(this.rows.values(), ({ element }) => element.getBoundingClientRect().height);
    const least = Math.min(...heights);
    if (least === 0 || least === Infinity) return; // hidden, or none
    this.#height = least - 1; // the line between two belongs to both
    this.#isMeasured = true;
  }

  /**
   * @param {number} number of the space, from the top
   * @param {number} count of rows
   * @returns {HTMLElement}
   */
  #space(number, count) {
    this.#spaces[number] ??= makeSpace();
    const space = this.#spaces[number];
    const height = `${count * this.#height}px`;
    if (space.style.height !== height) space.style.height = height;
    return space;
  }
}

/** @returns {HTMLElement} */
function makeSpace() {
  const space = document.createElement("li");
  space.role = "presentation";
  space.ariaHidden = "true";
  return space;
}

/**
 * Elements that are in their place already are not touched: one that is moved loses the focus.
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} elements
 */
function replaceChildren(parent, elements) {
  const staying = new Set(elements);
  for (const child of [...parent.children]) if (!staying.has(/** @type {HTMLElement} */ (child))) child.remove();
  let next = parent.firstElementChild;
  for (const element of elements) {
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
  }
}
