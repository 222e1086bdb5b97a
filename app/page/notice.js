// The notice at the bottom: the latest result, with all that can still be done about it for ten seconds.

import { byId } from "./dom.js";

const SHOWN_MS = 10_000;
/** The pause until it looks again if the person is still on it. */
const LOOK_AGAIN_MS = 2_000;

const [sheet, message, buttons, dismiss, focusFallback] =
  byId("notice", "notice-message", "notice-buttons", "notice-dismiss", "list-title");

export class Notice {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {(() => void) | null} */
  #onEnd = null;

  constructor() {
    dismiss.addEventListener("click", () => this.close());
    sheet.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.close();
    });
  }

  /**
   * Takes the place of the notice before.
   * @param {string} text printable
   * @param {{label: string, act: () => void}[]} [actions] each a button
   * @param {() => void} [onEnd] nothing can be done about it any more
   */
  show(text, actions = [], onEnd = () => {}) {
    this.close();
    message.textContent = text;
    buttons.replaceChildren(
      ...actions.map(({ label, act }) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "small";
        button.textContent = label;
        button.addEventListener("click", act);
        return button;
      }),
    );
    this.#onEnd = onEnd;
    sheet.hidden = false;
    this.#timer = setTimeout(() => this.#look(), SHOWN_MS);
  }

  /** Ends it. */
  close() {
    clearTimeout(this.#timer);
    const onEnd = this.#onEnd;
    this.#onEnd = null;
    if (sheet.contains(document.activeElement)) focusFallback.focus({ preventScroll: true });
    sheet.hidden = true;
    onEnd?.();
  }

  #look() {
    if (sheet.matches(":hover, :focus-within")) this.#timer = setTimeout(() => this.#look(), LOOK_AGAIN_MS);
    else this.close();
  }
}
