// "Clear finished": asks once more before everything that has ended leaves the list.

import { counted, shown } from "./format.js";

export class ClearFinished {
  #ended = 0;
  #isBusy = false;
  #elements;

  /**
   * @param {object} options
   * @param {HTMLButtonElement} options.button
   * @param {HTMLElement} options.question holds `words`, `keep` and `go`
   * @param {HTMLElement} options.words
   * @param {HTMLButtonElement} options.keep
   * @param {HTMLButtonElement} options.go
   * @param {HTMLElement} options.note what went wrong
   * @param {HTMLElement} options.refuge takes the focus when the button goes away under it
   * @param {() => void} options.onClear
   */
  constructor({ onClear, ...elements }) {
    this.#elements = elements;
    const { button, question, keep, go } = elements;
    button.addEventListener("click", () => {
      if (this.#isBusy) return;
      question.hidden = false;
      button.hidden = true;
      keep.focus();
    });
    keep.addEventListener("click", () => this.#close());
    go.addEventListener("click", () => {
      this.#close();
      onClear();
    });
    question.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.#close();
    });
  }

  /** @param {number} ended how many would go */
  count(ended) {
    if (ended === this.#ended) return;
    this.#ended = ended;
    this.#elements.words.textContent = `Clear ${counted(ended, "finished download")}? Files stay.`;
    if (ended === 0) this.#close();
    else if (this.#elements.question.hidden) this.#elements.button.hidden = false;
  }

  /**
   * @param {boolean} isBusy whether it was asked and isn't done
   * @param {string} note
   */
  show(isBusy, note) {
    this.#isBusy = isBusy;
    this.#elements.button.setAttribute("aria-busy", String(isBusy));
    this.#elements.note.textContent = shown(note);
    this.#elements.note.hidden = note === "";
  }

  #close() {
    const { button, question, refuge } = this.#elements;
    const focused = question.contains(document.activeElement) || document.activeElement === button;
    question.hidden = true;
    button.hidden = this.#ended === 0;
    if (focused) (button.hidden ? refuge : button).focus();
  }
}
