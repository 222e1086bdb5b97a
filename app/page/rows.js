// The list of rows, newest first, drawn once a frame.

import { Row } from "./row.js";

/** @typedef {import("./row.js").Action} Action */
/** @typedef {import("./downloads.js").Download} Download */

/** What drawing may take of a frame; the rest waits for the next, so that typing and scrolling stay smooth. */
const FRAME_BUDGET_MS = 7;

export class Rows {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** Changed since they were drawn, longest first: at most one entry a download. @type {Map<string, Download>} */
  #changed = new Map();
  /** On the screen or near it. @type {Set<string>} */
  #near = new Set();
  #scheduled = false;
  #list;
  #template;
  #commandOf;
  #watch;

  /**
   * @param {object} options
   * @param {HTMLElement} options.list
   * @param {HTMLTemplateElement} options.template of one row
   * @param {(downloadId: string) => {asked: Action | null, note: string}} options.commandOf
   * @param {(action: Action, downloadId: string) => void} options.onAction a button was pressed
   */
  constructor({ list, template, commandOf, onAction }) {
    this.#list = list;
    this.#template = template;
    this.#commandOf = commandOf;
    this.#watch = new IntersectionObserver((entries) => this.#moved(entries), { rootMargin: "200px" });
    list.addEventListener("click", ({ target }) => {
      const button = target instanceof Element ? target.closest("button") : null;
      const row = /** @type {HTMLElement | null | undefined} */ (button?.closest("li"));
      const action = /** @type {Action | undefined} */ (button?.dataset.action);
      if (action && row?.dataset.downloadId) onAction(action, row.dataset.downloadId);
    });
  }

  /**
   * Draws it in one of the next frames, as it is then. The first time it becomes the topmost row.
   * @param {Download} download
   */
  draw(download) {
    if (!this.#changed.has(download.id)) this.#changed.set(download.id, download);
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.#frame());
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
    this.#watch.unobserve(row.element);
    row.element.remove();
  }

  #frame() {
    this.#scheduled = false;
    const now = Date.now();
    const until = performance.now() + FRAME_BUDGET_MS;
    for (const id of this.#near) {
      const download = this.#changed.get(id);
      if (download) this.#drawNow(download, now);
    }
    for (const download of this.#changed.values()) {
      if (performance.now() > until) break;
      this.#drawNow(download, now);
    }
    const next = this.#changed.values().next();
    if (!next.done) this.draw(next.value);
  }

  /**
   * @param {Download} download
   * @param {number} now ms
   */
  #drawNow(download, now) {
    this.#changed.delete(download.id);
    const known = this.#rows.get(download.id);
    const row = known ?? new Row(this.#template, download.id);
    row.patch(download, this.#commandOf(download.id), now);
    if (known) return;
    this.#rows.set(download.id, row);
    this.#list.prepend(row.element);
    this.#watch.observe(row.element);
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
