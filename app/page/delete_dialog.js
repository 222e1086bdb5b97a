// The question in a row before a download is deleted: with or without its file. Neither can be restored.

import { byId } from "./dom.js";
import { displayName } from "./downloads.js";
import { printable } from "./format.js";

/** @typedef {import("./row.js").Row} Row */

const [template] = byId("delete-template");

/** At most one is open, so that a forgotten one is not met by accident. */
export class DeleteDialog {
  /** @type {Row | null} */
  #row = null;
  /** @type {HTMLElement | null} */
  #element = null;
  #onDelete;

  /** @param {(downloadId: string, file: boolean) => void} onDelete */
  constructor(onDelete) {
    this.#onDelete = onDelete;
  }

  /**
   * Opens at the end of the row, away from the pointer. The focus goes to the button that changes nothing.
   * @param {Row} row
   */
  open(row) {
    const { download } = row;
    if (!download || row === this.#row) return;
    this.close();
    const fragment = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    const element = /** @type {HTMLElement} */ (fragment.firstElementChild);
    const file = /** @type {HTMLElement} */ (element.querySelector('[data-answer="file"]'));
    element.setAttribute("aria-label", `Delete ${printable(displayName(download))}?`);
    // Only a complete download has a file.
    file.hidden = download.state !== "complete";
    element.addEventListener("click", ({ target }) => {
      const answer = target instanceof Element ? target.closest("button")?.dataset.answer : undefined;
      if (answer === undefined) return;
      this.close();
      if (answer !== "keep") this.#onDelete(download.id, answer === "file");
    });
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    });
    this.#row = row;
    this.#element = element;
    row.element.append(element);
    row.end.element.setAttribute("aria-expanded", "true");
    /** @type {HTMLElement | null} */ (element.querySelector('[data-answer="keep"]'))?.focus();
  }

  /**
   * @param {Row} [row] closes it only in this row
   */
  close(row) {
    if (!this.#row || !this.#element || (row && row !== this.#row)) return;
    const { end } = this.#row;
    const hasFocus = this.#element.contains(document.activeElement);
    this.#element.remove();
    end.element.removeAttribute("aria-expanded");
    if (hasFocus) end.element.focus({ preventScroll: true });
    this.#row = null;
    this.#element = null;
  }
}
