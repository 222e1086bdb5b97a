// The rows of all downloads and jobs, drawn once a frame. Only those near the screen are elements.

import { Arrangement } from "./arrangement.js";
import { Attention } from "./attention.js";
import { REMOVALS } from "./commands.js";
import { byId } from "./dom.js";
import { listenForFolding } from "./folding.js";
import { RowDialog } from "./row_dialog.js";
import { Row } from "./row.js";
import { RowWindow } from "./row_window.js";

/** @typedef {import("./arrangement.js").Item} Item */
/** @typedef {import("./row.js").Action} Action */
/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {{item: Item, element: HTMLElement, top: number, group: import("./arrangement.js").Group}} Seen */

/** A click on a button that changed so recently was meant for what it was before. */
const SECOND_CLICK_MS = 700;
/** New elements may be higher or lower than was assumed: then others have to come. */
const MAX_PASSES = 3;
/** The number of rows beyond the screen that are read before they are needed. */
const READ_AHEAD = 200;

const [list, focusFallback] = byId("rows", "list-title");

export class Rows {
  arrangement = new Arrangement();
  /** Those that are elements, by id. @type {Map<string, Row>} */
  #rows = new Map();
  /** Changed since they were drawn. @type {Map<string, Download>} */
  #changed = new Map();
  #windows = this.arrangement.groups.map((group) => new RowWindow(group));
  #isScheduled = false;
  #options;
  #dialog;
  #attention;

  /**
   * @param {object} options
   * @param {(downloadId: string) => {pending: Action | null, note: string}} options.getCommand
   * @param {(download: Download) => boolean} options.isSelected
   * @param {(action: Action, download: Download, members?: import("./commands.js").Members) => void} options.onAction
   * @param {(download: Download) => void} options.onOpen its details are wanted
   * @param {() => void} options.onMove rows have come, gone or moved
   * @param {(group: string) => number} options.countUnread the downloads of a group that the server alone knows
   * @param {(depths: [string, number][]) => void} options.onFrame a frame was drawn; depths: the name of each group near
   *   the screen, and the rank of its last row there, -Infinity at its end
   */
  constructor(options) {
    this.#options = options;
    this.#dialog = new RowDialog(options.onAction);
    this.#attention = new Attention(list, () => {
      this.arrangement.release();
      this.refresh();
    });
    listenForFolding(this.arrangement.groups, () => this.#drawFrame([]));
    addEventListener("scroll", () => this.refresh(), { passive: true });
    addEventListener("resize", () => {
      for (const window of this.#windows) window.measureAgain();
      this.refresh();
    });
    list.addEventListener("click", (/** @type {MouseEvent} */ event) => this.#click(event));
    // A held key would go on with the row below.
    list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const { action } = /** @type {HTMLElement} */ (event.target).dataset;
      if (event.repeat && event.key === "Enter" && REMOVALS.has(action ?? "")) event.preventDefault();
    });
  }

  /**
   * @param {EventTarget | null} target
   * @returns {Row | null} the row that it is in
   */
  rowOf(target) {
    const element = target instanceof Element ? target.closest("li") : null;
    return this.#rows.get(element?.dataset.id ?? "") ?? null;
  }

  /** @returns {Download[]} those that are shown, from the top */
  get shown() {
    return this.arrangement.listed.map(({ download }) => download);
  }

  /**
   * @param {Download} download
   * @returns {boolean}
   */
  isShown(download) {
    return this.arrangement.get(download.id)?.isListed === true;
  }

  /**
   * @param {Download} download which is shown
   * @param {1 | -1} step downwards or upwards
   * @returns {Row | undefined} the row beside it
   */
  beside(download, step) {
    const item = this.arrangement.get(download.id);
    const other = item && this.arrangement.neighbourOf(item, step);
    if (other && !this.#rows.has(other.download.id)) this.#drawFrame(); // keys that are held outrun the frames
    return other && this.#rows.get(other.download.id);
  }

  /** Draws a frame, though no download may have changed. */
  refresh() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => this.#drawFrame());
  }

  /**
   * Draws a download with the next frame, as it is then.
   * @param {Download} download
   */
  draw(download) {
    this.#changed.set(download.id, download);
    this.refresh();
  }

  /** @param {string} id */
  remove(id) {
    this.#changed.delete(id);
    this.arrangement.remove(id);
    this.refresh();
  }

  /** @param {(download: Download) => boolean} matches others keep their place, unseen */
  filter(matches) {
    this.arrangement.filter(matches);
    this.refresh();
  }

  /** @param {boolean} isByState whether those that run are above the others; else all are in the order of creation */
  arrangeByState(isByState) {
    list.toggleAttribute("data-by-creation", !isByState);
    this.arrangement.arrangeByState(isByState);
    this.refresh();
  }

  /** @param {Seen[]} seen rows that stay where they are on the screen */
  #drawFrame(seen = scrollY > 0 ? this.#seen() : []) {
    this.#isScheduled = false;
    // A row that leaves would take the one below it under the pointer.
    const isHeld = this.#attention.holds;
    for (const download of this.#changed.values()) this.arrangement.set(download, isHeld);
    const focused = this.#focused();
    const heir = focused && this.#heirOf(focused.item);
    const moves = this.arrangement.settle();
    this.#place(moves, seen, [heir, this.#dialog.row && this.arrangement.get(this.#dialog.row.id)]);
    if (focused) this.#passOn(focused, heir);
    const now = Date.now();
    for (const [id, row] of this.#rows) {
      const download = this.#changed.get(id);
      if (download) this.#patch(row, download, now);
      if (row.download) row.setSelected(this.#options.isSelected(row.download));
    }
    this.#changed.clear();
    keepInPlace(seen);
    for (const window of this.#windows) window.showCount(this.#options.countUnread(window.group.name));
    if (moves) this.#options.onMove();
    this.#options.onFrame(this.#depths());
  }

  /** @returns {[string, number][]} */
  #depths() {
    const near = this.#windows.filter(({ first, last }) => first < last);
    /** @type {[string, number][]} */
    const depths = near.map(({ group: { items, name }, last }) => [name, items[last + READ_AHEAD]?.rank ?? -Infinity]);
    // A search may find rows of any group.
    const end = this.#windows.findLast(({ group }) => group.items.length > 0 && !group.isFolded);
    if (!end || end.last + READ_AHEAD >= end.group.items.length) depths.push(["", -Infinity]);
    return depths;
  }

  /**
   * @param {boolean} moves whether rows have come, gone or moved
   * @param {Seen[]} seen
   * @param {(Item | null | undefined)[]} pinned
   */
  #place(moves, seen, pinned) {
    const items = pinned.filter((item) => item?.isListed && !item.group.isFolded);
    list.hidden = this.arrangement.size === 0;
    const now = Date.now();
    for (let pass = 0; pass < MAX_PASSES; pass += 1) {
      const changes = this.#windows.map((window) => window.choose(innerHeight)).includes(true);
      const isComplete = items.every((item) => this.#rows.has(item.download.id));
      if (!changes && isComplete && (pass > 0 || !moves)) break;
      for (const window of this.#windows) window.place((item) => this.#rowOf(item, now), items);
      keepInPlace(seen); // else the next pass would be about other rows
    }
    for (const [id, row] of this.#rows) {
      if (row.element.isConnected) continue;
      this.#dialog.close(row);
      this.#rows.delete(id);
    }
  }

  /**
   * @param {Item} item
   * @param {number} now ms
   * @returns {Row}
   */
  #rowOf({ download }, now) {
    let row = this.#rows.get(download.id);
    if (!row) {
      row = new Row(download.id);
      this.#rows.set(download.id, row);
      this.#patch(row, download, now);
    }
    return row;
  }

  /**
   * @param {Row} row
   * @param {Download} download
   * @param {number} now ms
   */
  #patch(row, download, now) {
    this.#dialog.update(row, download);
    row.patch(download, this.#options.getCommand(download.id), now);
  }

  /** @param {MouseEvent} event */
  #click({ target, detail }) {
    const button = target instanceof Element ? target.closest("button") : null;
    const action = /** @type {Action | undefined} */ (button?.dataset.action);
    const row = this.rowOf(button);
    if (!button || !row?.download) return;
    if (button === row.slots.title) this.#options.onOpen(row.download);
    if (!action) return;
    // A second click was meant for the button that stood there before.
    const isSecond = detail > 1 || (detail > 0 && Date.now() - row.endChangedAt < SECOND_CLICK_MS);
    if (REMOVALS.has(action) && isSecond) return;
    if (action === "cancel_job" && row.download.isCancelling) return;
    if (!this.#dialog.open(row, action)) this.#options.onAction(action, row.download);
  }

  /** @returns {{item: Item, element: HTMLElement} | null} */
  #focused() {
    const element = /** @type {HTMLElement | null} */ (document.activeElement);
    const item = this.arrangement.get(this.rowOf(element)?.id ?? "");
    return element && item ? { item, element } : null;
  }

  /**
   * @param {Item} item that has the focus
   * @returns {Item | undefined} the one that has it after the next `settle`: a person who deletes one may delete the next
   */
  #heirOf(item) {
    const { arrangement } = this;
    return arrangement.stays(item) ? item : arrangement.neighbourOf(item, 1) ?? arrangement.neighbourOf(item, -1);
  }

  /**
   * Gives the focus back to an element that moved, or to the same button of another row.
   * @param {{item: Item, element: HTMLElement}} focused
   * @param {Item | null | undefined} heir
   */
  #passOn({ item, element }, heir) {
    if (heir === item) {
      if (document.activeElement !== element) element.focus({ preventScroll: true });
      return;
    }
    const row = heir && this.#rows.get(heir.download.id);
    if (!row) {
      focusFallback.focus();
      return;
    }
    const { main, end } = row.slots;
    const button = element.dataset.slot === "main" && !main.hidden ? main : end;
    const target = element.matches("li") ? row.element : button;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: "nearest" });
  }

  /** @returns {Seen[]} the rows on the screen, from the top */
  #seen() {
    /** @type {Seen[]} */
    const seen = [];
    for (const { rows, group } of this.#windows) {
      for (const [item, { element }] of rows) {
        const { top, bottom } = element.getBoundingClientRect();
        if (bottom > 0 && top < innerHeight) seen.push({ item, element, top, group });
      }
    }
    return seen;
  }
}

/**
 * Scrolls as far as the rows on the screen have moved: others have come or gone above them.
 * @param {Seen[]} seen
 */
function keepInPlace(seen) {
  const staying = seen.find(({ item, group, element }) => item.isListed && item.group === group && element.isConnected);
  if (!staying) return;
  const moved = staying.element.getBoundingClientRect().top - staying.top;
  if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: "instant" });
}
