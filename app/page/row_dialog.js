// A question in a row before a command: of a cancellation that throws much away, and for a fresh link.

import { byId } from "./dom.js";
import { displayName } from "./downloads.js";
import { formatPercent, formatSize } from "./format.js";
import { t } from "./messages.js";
import { losesMuch, needsLink } from "./row_actions.js";

/** @typedef {import("./commands.js").Action} Action */
/** @typedef {import("./commands.js").Members} Members */
/** @typedef {import("./row.js").Row} Row */
/** @typedef {import("./downloads.js").Download} Download */

/**
 * @typedef {object} Question
 * @property {HTMLTemplateElement} template
 * @property {(name: string) => string} label
 * @property {(row: Row) => HTMLElement} opener the button that takes the focus back
 * @property {(download: Download) => boolean} fits whether it makes sense in that state
 */

const [cancelTemplate, linkTemplate] = byId("cancel-template", "link-template");
/** @type {Question} */
const CANCEL = {
  template: /** @type {any} */ (cancelTemplate),
  label: (name) => t("cancel_question", { name }),
  opener: (row) => row.slots.end,
  fits: losesMuch,
};
/** @type {Partial<Record<Action, Question>>} */
const QUESTIONS = {
  cancel_download: CANCEL,
  cancel_job: CANCEL,
  relink_download: {
    template: /** @type {any} */ (linkTemplate),
    label: (name) => t("new_link_one", { name }),
    opener: (row) => row.slots.link,
    fits: needsLink,
  },
};

/** At most one is open, so that a forgotten one is not met by accident. */
export class RowDialog {
  /** @type {{row: Row, question: Question, element: HTMLElement} | null} */
  #open = null;
  #onAction;

  /** @param {(action: Action, download: Download, members?: Members) => void} onAction */
  constructor(onAction) {
    this.#onAction = onAction;
  }

  /** @returns {Row | null} the one with an open question */
  get row() {
    return this.#open?.row ?? null;
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
    if (!download || !question?.fits(download)) return false;
    if (row === this.#open?.row && question === this.#open.question) return true;
    this.close();
    const fragment = /** @type {DocumentFragment} */ (question.template.content.cloneNode(true));
    const element = /** @type {HTMLElement} */ (fragment.firstElementChild);
    const input = element.querySelector("input");
    const message = element.querySelector("[data-message]");
    element.setAttribute("aria-label", question.label(displayName(download)));
    if (message) message.textContent = lossOf(download);
    element.addEventListener("click", ({ target }) => {
      const answer = target instanceof Element ? target.closest("button")?.dataset.answer : undefined;
      const url = input?.value.trim();
      if (answer === undefined) return;
      if (answer === "link" && !url) return input?.focus();
      this.close();
      if (answer !== "keep") this.#onAction(action, download, answer === "link" ? { url } : undefined);
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

/**
 * @param {Download} download
 * @returns {string} how much its cancellation throws away
 */
function lossOf({ isJob, received, progress }) {
  if (isJob || received === null) return t("loss_of_done", { percent: formatPercent(progress) });
  return t("loss_of_bytes", { size: formatSize(received) });
}
