// "Clear finished": asks for a confirmation before all ended downloads leave the list.

import { printable, withCount } from "./format.js";

export class ClearFinished {
  #count = 0;
  #isBusy = false;
  #elements;

  /**
   * @param {object} options
   * @param {HTMLButtonElement} options.button
   * @param {HTMLElement} options.question holds `message`, `keep` and `clear`
   * @param {HTMLElement} options.message
   * @param {HTMLButtonElement} options.keep
   * @param {HTMLButtonElement} options.clear
   * @param {HTMLElement} options.note the last error
   * @param {HTMLElement} options.focusFallback takes the focus when the button that has it disappears
   * @param {() => void} options.onClear
   */
  constructor({ onClear, ...elements }) {
    this.#elements = elements;
    const { button, question, keep, clear } = elements;
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

  /** @param {number} count of downloads that have ended */
  setCount(count) {
    if (count === this.#count) return;
    this.#count = count;
    this.#elements.message.textContent = `Clear ${withCount(count, "finished download")}? Files stay.`;
    if (count === 0) this.#close();
    else if (this.#elements.question.hidden) this.#elements.button.hidden = false;
  }

  /**
   * @param {boolean} isBusy whether a command is pending
   * @param {string} note the error of the last one; "" for none
   */
  show(isBusy, note) {
    this.#isBusy = isBusy;
    this.#elements.button.setAttribute("aria-busy", String(isBusy));
    this.#elements.note.textContent = printable(note);
    this.#elements.note.hidden = note === "";
  }

  #close() {
    const { button, question, focusFallback } = this.#elements;
    const hasFocus = question.contains(document.activeElement) || document.activeElement === button;
    question.hidden = true;
    button.hidden = this.#count === 0;
    if (hasFocus) (button.hidden ? focusFallback : button).focus();
  }
}
