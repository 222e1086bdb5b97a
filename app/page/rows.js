// The list of rows, newest first, drawn once a frame.

import { DeleteDialog } from "./delete_dialog.js";
import { hasEnded } from "./merge.js";
import { Row } from "./row.js";

/** @typedef {import("./row.js").Action} Action */
/** @typedef {import("./downloads.js").Download} Download */

/** What drawing may take of a frame; the rest waits for the next, so that typing and scrolling stay smooth. */
const FRAME_BUDGET_MS = 7;
/** How many rows that nobody sees are brought up to date in a frame: each costs style and layout, seen or not. */
const UNSEEN_A_FRAME = 20;

export class Rows {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** Changed since they were drawn, longest first: at most one entry a download. @type {Map<string, Download>} */
  #changed = new Map();
  /** To be taken away with the next frame. @type {Set<Row>} */
  #leaving = new Set();
  /** On the screen or near it. @type {Set<string>} */
  #near = new Set();
  /** Whose order the rows are to take, oldest first, once all of them are drawn. @type {(() => Iterable<Download>) | null} */
  #order = null;
  /** @type {(download: Download) => boolean} */
  #matches = () => true;
  #shown = 0;
  #scheduled = false;
  #list;
  #template;
  #refuge;
  #commandOf;
  #onFrame;
  #deleteDialog;
  #watch;

  /**
   * @param {object} options
   * @param {HTMLElement} options.list
   * @param {HTMLTemplateElement} options.template of one row
   * @param {HTMLTemplateElement} options.deleteDialog of the question before a deletion
   * @param {HTMLElement} options.refuge takes the focus when the last row goes away under it
   * @param {(downloadId: string) => {asked: Action | null, note: string}} options.commandOf
   * @param {(action: Action, downloadId: string, more?: {file: boolean}) => void} options.onAction a button was pressed
   * @param {() => void} options.onFrame something was drawn
   */
  constructor({ list, template, deleteDialog, refuge, commandOf, onAction, onFrame }) {
    this.#list = list;
    this.#template = template;
    this.#refuge = refuge;
    this.#commandOf = commandOf;
    this.#onFrame = onFrame;
    this.#deleteDialog = new DeleteDialog(deleteDialog, (downloadId, file) =>
      onAction("delete_download", downloadId, file ? { file } : undefined),
    );
    this.#watch = new IntersectionObserver((entries) => this.#moved(entries), { rootMargin: "200px" });
    list.addEventListener("click", ({ target, detail }) => {
      const button = target instanceof Element ? target.closest("button") : null;
      const element = /** @type {HTMLElement | null | undefined} */ (button?.closest("li"));
      const action = /** @type {Action | undefined} */ (button?.dataset.action);
      const row = this.#rows.get(element?.dataset.downloadId ?? "");
      if (!action || !row?.download) return;
      if (action !== "delete_download") onAction(action, row.download.id);
      // The second click of a double click was meant for what stood there before.
      else if (detail < 2) this.#deleteDialog.open(row);
    });
  }

  /** @returns {number} how many rows match the filter */
  get shown() {
    return this.#shown;
  }

  /**
   * Draws it in one of the next frames, as it is then. The first time it becomes the topmost row.
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
   * Shows only what matches; rows that don't stay where they are, unseen.
   * @param {(download: Download) => boolean} matches
   */
  filter(matches) {
    this.#matches = matches;
    for (const row of this.#rows.values()) this.#sift(row);
    this.#onFrame();
  }

  /**
   * Puts the rows in the order that the downloads have, without making them anew.
   * @param {() => Iterable<Download>} order oldest first
   */
  arrange(order) {
    this.#order = order;
    this.#schedule();
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.#frame());
  }

  #frame() {
    this.#scheduled = false;
    const now = Date.now();
    const until = performance.now() + FRAME_BUDGET_MS;
    for (const row of this.#leaving) this.#takeAway(row);
    for (const id of this.#near) {
      const download = this.#changed.get(id);
      if (download) this.#drawNow(download, now);
    }
    let unseen = 0;
    for (const download of this.#changed.values()) {
      if (performance.now() > until) break;
      if (this.#rows.has(download.id) && ++unseen > UNSEEN_A_FRAME) continue;
      this.#drawNow(download, now);
    }
    if (this.#order) this.#putInOrder([...this.#order()]);
    this.#onFrame();
    if (this.#changed.size > 0) this.#schedule();
  }

  /**
   * @param {Download} download
   * @param {number} now ms
   */
  #drawNow(download, now) {
    this.#changed.delete(download.id);
    const known = this.#rows.get(download.id);
    const row = known ?? new Row(this.#template, download.id);
    if (!hasEnded(download.state)) this.#deleteDialog.close(row);
    row.patch(download, this.#commandOf(download.id), now);
    if (!known) {
      this.#rows.set(download.id, row);
      this.#shown += 1;
      this.#list.prepend(row.element);
      this.#watch.observe(row.element);
    }
    this.#sift(row);
  }

  /** @param {Row} row */
  #sift({ element, download }) {
    const hides = download !== null && !this.#matches(download);
    if (element.hidden === hides) return;
    if (hides) this.#handOn(element);
    element.hidden = hides;
    this.#shown += hides ? -1 : 1;
  }

  /** @param {Row} row */
  #takeAway(row) {
    this.#handOn(row.element);
    this.#deleteDialog.close(row);
    this.#leaving.delete(row);
    this.#watch.unobserve(row.element);
    if (!row.element.hidden) this.#shown -= 1;
    row.element.remove();
  }

  /**
   * The focus goes to the same button of the row below, else above: whoever deletes one may delete the next.
   * @param {Element} element of a row that goes away
   */
  #handOn(element) {
    const { activeElement } = document;
    if (!activeElement || !element.contains(activeElement)) return;
    const heir = this.#neighbour(element, "nextElementSibling") ?? this.#neighbour(element, "previousElementSibling");
    if (!heir) {
      this.#refuge.focus();
      return;
    }
    const main = activeElement.matches('[data-slot="main"]') ? heir.main : heir.end;
    const button = main.action === null ? heir.end : main;
    const target = activeElement === element ? heir.element : button.element;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: "nearest" });
  }

  /**
   * @param {Element} element
   * @param {"nextElementSibling" | "previousElementSibling"} side
   * @returns {Row | null} the nearest on that side that is seen and stays
   */
  #neighbour(element, side) {
    for (let next = element[side]; next; next = next[side]) {
      const row = this.#rows.get(/** @type {HTMLElement} */ (next).dataset.downloadId ?? "");
      if (row && !row.element.hidden) return row;
    }
    return null;
  }

  /** @param {Download[]} downloads oldest first */
  #putInOrder(downloads) {
    const rows = downloads.map(({ id }) => this.#rows.get(id));
    if (!rows.every((row) => row !== undefined)) return; // in a later frame
    this.#order = null;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    let place = this.#list.firstElementChild;
    for (const { element } of rows.reverse()) {
      if (element === place) place = place.nextElementSibling;
      else this.#list.insertBefore(element, place);
    }
    if (focused && focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #moved(entries) {
    for (const { target, isIntersecting } of entries) {
      const id = /** @type {HTMLElement} */ (target).dataset.downloadId ?? "";
      if (isIntersecting && this.#rows.has(id)) this.#near.add(id);
      else this.#near.delete(id);
    }
  }
}
