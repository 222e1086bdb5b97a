// A question in a row before a command: of a removal, which nothing undoes, and for a fresh link.

import { byId } from "./dom.js";
import { displayName } from "./downloads.js";
import { printable } from "./format.js";
import { hasEnded } from "./merge.js";

/** @typedef {import("./row.js").Action} Action */
/** @typedef {import("./row.js").Row} Row */
/** @typedef {import("./downloads.js").Download} Download */

/**
 * @typedef {object} Question
 * @property {HTMLTemplateElement} template
 * @property {(name: string) => string} label
 * @property {(row: Row) => HTMLElement} opener the button that takes the focus back
 * @property {(download: Download) => boolean} fits whether it makes sense in that state
 */

const [deleteTemplate, linkTemplate] = byId("delete-template", "link-template");
/** @type {Partial<Record<Action, Question>>} */
const QUESTIONS = {
  delete_download: {
    template: /** @type {any} */ (deleteTemplate),
    label: (name) => `Delete ${name}?`,
    opener: (row) => row.slots.end,
    fits: isRemovable,
  },
  remove_job: {
    template: /** @type {any} */ (deleteTemplate),
    label: (name) => `Remove ${name}?`,
    opener: (row) => row.slots.end,
    fits: isRemovable,
  },
  relink_download: {
    template: /** @type {any} */ (linkTemplate),
    label: (name) => `New link for ${name}`,
    opener: (row) => row.slots.link,
    fits: needsLink,
  },
};

/**
 * @param {Download} download
 * @returns {boolean} whether it may leave the list: nothing else can be done where the server has no record
 */
export function isRemovable({ state, hasRecord }) {
  return hasEnded(state) || !hasRecord;
}

/**
 * @param {Download} download
 * @returns {boolean} whether a fresh link is what it may wait for
 */
export function needsLink({ state, isJob, hasRecord }) {
  return hasRecord && !isJob && (state === "error" || state === "paused");
}

/** At most one is open, so that a forgotten one is not met by accident. */
export class RowDialog {
  /** @type {{row: Row, question: Question, element: HTMLElement} | null} */
  #open = null;
  #onAction;

  /** @param {(action: Action, downloadId: string, options?: {file?: boolean, url?: string}) => void} onAction */
  constructor(onAction) {
    this.#onAction = onAction;
  }

  /**
   * Opens at the end of the row, away from the pointer. The focus goes to what changes nothing.
   * @param {Row} row
   * @param {Action} action
   * @returns {boolean} false for an action without a question
   */
  open(row, action) {
    const question = QUESTIONS[action];
    const { download } = row;
    if (!question || !download) return false;
    if (row === this.#open?.row && question === this.#open.question) return true;
    this.close();
    const fragment = /** @type {DocumentFragment} */ (question.template.content.cloneNode(true));
    const element = /** @type {HTMLElement} */ (fragment.firstElementChild);
    const input = element.querySelector("input");
    element.setAttribute("aria-label", question.label(printable(displayName(download))));
    // Only a complete download of the server's own has a file.
    const file = /** @type {HTMLElement | null} */ (element.querySelector('[data-answer="file"]'));
    if (file) file.hidden = download.state !== "complete" || download.isJob || !download.hasRecord;
    element.addEventListener("click", ({ target }) => {
      const answer = target instanceof Element ? target.closest("button")?.dataset.answer : undefined;
      const url = input?.value.trim();
      if (answer === undefined) return;
      if (answer === "link" && !url) return input?.focus();
      this.close();
      const options = answer === "link" ? { url } : answer === "file" ? { file: true } : undefined;
      if (answer !== "keep") this.#onAction(action, download.id, options);
    });
    element.addEventListener("keydown", (event) => {
      const isEnter = event.key === "Enter" && event.target === input && !event.isComposing;
      if (event.key !== "Escape" && !isEnter) return;
      event.stopPropagation();
      event.preventDefault();
      if (isEnter) /** @type {HTMLElement | null} */ (element.querySelector('[data-answer="link"]'))?.click();
      else this.close();
    });
    this.#open = { row, question, element };
    row.element.append(element);
    question.opener(row).setAttribute("aria-expanded", "true");
    /** @type {HTMLElement | null} */ (input ?? element.querySelector('[data-answer="keep"]'))?.focus();
    return true;
  }

  /**
   * Closes a question that makes no sense in the row's new state.
   * @param {Row} row
   * @param {Download} download
   */
  update(row, download) {
    if (!this.#open?.question.fits(download)) this.close(row);
  }

  /** @param {Row} [only] closes it in this row alone */
  close(only) {
    if (!this.#open || (only && only !== this.#open.row)) return;
    const { row, question, element } = this.#open;
    const hasFocus = element.contains(document.activeElement);
    const opener = question.opener(row);
    element.remove();
    opener.removeAttribute("aria-expanded");
    if (hasFocus) opener.focus({ preventScroll: true });
    this.#open = null;
  }
}
