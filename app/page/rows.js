// The rows of all downloads and jobs, drawn once a frame.

import { Attention } from "./attention.js";
import { REMOVALS } from "./commands.js";
import { byId } from "./dom.js";
import { RowDialog } from "./row_dialog.js";
import { RowGroups } from "./row_groups.js";
import { Row } from "./row.js";

/** @typedef {import("./row.js").Action} Action */
/** @typedef {import("./downloads.js").Download} Download */

/** The share of a frame for drawing; the rest waits for the next, so that typing and scrolling stay smooth. */
const FRAME_BUDGET_MS = 7;
/** The number of rows that are drawn in a frame nevertheless: a busy machine takes the time away. */
const MIN_PER_FRAME = 20;
/** The number of invisible rows that are patched in a frame: each costs style and layout, seen or not. */
const MAX_UNSEEN_PER_FRAME = 20;
/** A click on a button that changed so recently was meant for what it was before. */
const SECOND_CLICK_MS = 700;

const [list, focusFallback] = byId("rows", "list-title");

export class Rows {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** Changed since they were drawn, longest first: at most one entry per download. @type {Map<string, Download>} */
  #changed = new Map();
  /** To be removed with the next frame. @type {Set<Row>} */
  #leaving = new Set();
  /** On the screen or near it. @type {Set<string>} */
  #near = new Set();
  #groups = new RowGroups();
  /** The new order of the rows, oldest first, once all of them are drawn. @type {(() => Iterable<Download>) | null} */
  #order = null;
  /** @type {(download: Download) => boolean} */
  #matches = () => true;
  /** The number of rows that match the filter. */
  visibleCount = 0;
  #isScheduled = false;
  #getCommand;
  #onHide;
  #onFrame;
  #dialog;
  #observer;
  #attention;

  /**
   * @param {object} options
   * @param {(downloadId: string) => {pending: Action | null, note: string}} options.getCommand
   * @param {(action: Action, download: Download, members?: import("./commands.js").Members) => void} options.onAction
   * @param {(download: Download) => void} options.onOpen its details are wanted
   * @param {(row: Row) => void} options.onHide it is shown no longer
   * @param {() => void} options.onFrame a frame was drawn
   */
  constructor({ getCommand, onAction, onOpen, onHide, onFrame }) {
    this.#getCommand = getCommand;
    this.#onHide = onHide;
    this.#onFrame = onFrame;
    this.#dialog = new RowDialog(onAction);
    this.#observer = new IntersectionObserver((entries) => this.#nearChanged(entries), { rootMargin: "200px" });
    this.#attention = new Attention(list, () => {
      for (const row of this.#rows.values()) this.#groups.place(row);
      this.#schedule();
    });
    list.addEventListener("click", ({ target, detail }) => {
      const button = target instanceof Element ? target.closest("button") : null;
      const action = /** @type {Action | undefined} */ (button?.dataset.action);
      const row = this.rowOf(button);
      if (button !== null && button === row?.slots.title && row.download) onOpen(row.download);
      if (!action || !row?.download) return;
      // A second click was meant for the button that stood there before.
      const isSecond = detail > 1 || (detail > 0 && Date.now() - row.endChangedAt < SECOND_CLICK_MS);
      if (REMOVALS.has(action) && isSecond) return;
      if (action === "cancel_job" && row.download.isCancelling) return;
      if (!this.#dialog.open(row, action)) onAction(action, row.download);
    });
    // A held key would go on with the row below.
    list.addEventListener("keydown", (event) => {
      if (event.repeat && event.key === "Enter" && REMOVALS.has(event.target.dataset.action)) event.preventDefault();
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

  /** @returns {Row[]} those that are shown, from the top */
  get shown() {
    return this.#groups.inOrder().filter(({ isShown }) => isShown);
  }

  /** Draws a frame, though no download may have changed. */
  refresh() {
    this.#schedule();
  }

  /**
   * Draws a download in one of the next frames, as it is then. The first time it becomes the topmost row of its group.
   * @param {Download} download
   */
  draw(download) {
    if (!this.#changed.has(download.id)) this.#changed.set(download.id, download);
    this.#schedule();
  }

  /**
   * @param {string} id
   */
  remove(id) {
    this.#changed.delete(id);
    this.#near.delete(id);
    const row = this.#rows.get(id);
    if (!row) return;
    this.#rows.delete(id);
    this.#leaving.add(row);
    this.#schedule();
  }

  /**
   * Shows the matching rows only; the others keep their place, unseen.
   * @param {(download: Download) => boolean} matches
   */
  filter(matches) {
    this.#matches = matches;
    for (const row of this.#rows.values()) this.#applyFilter(row);
    this.#showCounts();
  }

  /** @param {boolean} isByState whether those that run are above the others; else all are in the order of creation */
  arrangeByState(isByState) {
    this.#groups.arrangeByState(isByState);
    this.#showCounts();
  }

  /**
   * Puts the rows in the order of the downloads, and keeps their elements.
   * @param {() => Iterable<Download>} order oldest first
   */
  sort(order) {
    this.#order = order;
    this.#schedule();
  }

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => this.#drawFrame());
  }

  #drawFrame() {
    this.#isScheduled = false;
    const now = Date.now();
    const deadline = performance.now() + FRAME_BUDGET_MS;
    for (const row of this.#leaving) this.#removeNow(row);
    for (const id of this.#near) {
      const download = this.#changed.get(id);
      if (download) this.#drawNow(download, now);
    }
    let unseen = 0;
    let left = MIN_PER_FRAME;
    for (const download of this.#changed.values()) {
      if (performance.now() > deadline && left <= 0) break;
      left -= 1;
      if (this.#rows.has(download.id) && ++unseen > MAX_UNSEEN_PER_FRAME) continue;
      this.#drawNow(download, now);
    }
    if (this.#order) this.#sortNow([...this.#order()]);
    this.#showCounts();
    if (this.#changed.size > 0) this.#schedule();
  }

  /**
   * @param {Download} download
   * @param {number} now ms
   */
  #drawNow(download, now) {
    this.#changed.delete(download.id);
    const known = this.#rows.get(download.id);
    const row = known ?? new Row(download.id);
    this.#dialog.update(row, download);
    row.patch(download, this.#getCommand(download.id), now);
    if (!known) {
      this.#rows.set(download.id, row);
      this.#observer.observe(row.element);
    }
    // A row that leaves would take the one below it under the pointer.
    if (!known || !this.#attention.holds) this.#groups.place(row);
    this.#applyFilter(row);
  }

  #showCounts() {
    this.visibleCount = this.#groups.showCounts();
    this.#onFrame();
  }

  /** @param {Row} row */
  #applyFilter(row) {
    const isShown = row.download === null || this.#matches(row.download);
    if (row.isShown === isShown) return;
    row.isShown = isShown;
    if (!isShown) this.#leave(row);
    row.element.hidden = !isShown;
  }

  /** @param {Row} row */
  #removeNow(row) {
    this.#leave(row);
    this.#dialog.close(row);
    this.#leaving.delete(row);
    this.#observer.unobserve(row.element);
    this.#groups.remove(row);
  }

  /**
   * Tells that a row is seen no longer, and moves its focus to the same button of the row below, else above: a person who
   * deletes one may delete the next.
   * @param {Row} row
   */
  #leave(row) {
    this.#onHide(row);
    const { activeElement } = document;
    if (!activeElement || !row.element.contains(activeElement)) return;
    const neighbour = this.#neighbourOf(row);
    if (!neighbour) {
      focusFallback.focus();
      return;
    }
    const { main, end } = neighbour.slots;
    const button = activeElement.matches('[data-slot="main"]') && !main.hidden ? main : end;
    const target = activeElement === row.element ? neighbour.element : button;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: "nearest" });
  }

  /**
   * @param {Row} row
   * @returns {Row | undefined} the next below that is visible and stays, else the next above
   */
  #neighbourOf(row) {
    const rows = this.#groups.inOrder().filter((other) => other === row || (other.isShown && !this.#leaving.has(other)));
    const at = rows.indexOf(row);
    return rows[at + 1] ?? rows[at - 1];
  }

  /** @param {Download[]} downloads oldest first */
  #sortNow(downloads) {
    const rows = downloads.map(({ id }) => this.#rows.get(id)).filter((row) => row !== undefined);
    if (rows.length < downloads.length) return; // in a later frame
    this.#order = null;
    this.#groups.sort(rows);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #nearChanged(entries) {
    for (const { target, isIntersecting } of entries) {
      const id = /** @type {HTMLElement} */ (target).dataset.id ?? "";
      if (isIntersecting && this.#rows.has(id)) this.#near.add(id);
      else this.#near.delete(id);
    }
  }
}
