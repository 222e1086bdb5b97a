// "Clear finished": asks for a confirmation before all that has ended leaves the list.

import { byId } from "./dom.js";
import { t } from "./messages.js";

const [button, question, message, keep, clear, note] =
  byId("clear", "clear-question", "clear-message", "clear-keep", "clear-confirm", "clear-note");
const [focusFallback] = byId("list-title");

export class ClearFinished {
  #count = 0;
  #isBusy = false;

  /** @param {() => void} onClear */
  constructor(onClear) {
    button.addEventListener("click", () => {
      if (this.#isBusy) return;
      question.hidden = false;
      button.hidden = true;
      keep.focus();
    });
    keep.addEventListener("click", () => this.#close());
    clear.addEventListener("click", () => {
      this.#close();
      onClear();
    });
    question.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.#close();
    });
  }

  /** @param {number} count of what has ended */
  setCount(count) {
    if (count === this.#count) return;
    this.#count = count;
    message.textContent = t("clear_question", { count });
    if (count === 0) this.#close();
    else if (question.hidden) button.hidden = false;
  }

  /**
   * @param {boolean} isBusy whether a command is pending
   * @param {string} error of the last one, printable; "" for none
   */
  show(isBusy, error) {
    this.#isBusy = isBusy;
    button.setAttribute("aria-busy", String(isBusy));
    note.textContent = error;
    note.hidden = error === "";
  }

  #close() {
    const hasFocus = question.contains(document.activeElement) || document.activeElement === button;
    question.hidden = true;
    button.hidden = this.#count === 0;
    if (hasFocus) (button.hidden ? focusFallback : button).focus();
  }
}
