// Tells whether a person is on the rows, with the pointer or the keyboard: meanwhile no row goes to another group.

/** A pointer that rests, or a focus that was left behind, holds the rows no longer. */
const IDLE_AFTER_MS = 10_000;

export class Attention {
  #activeAt = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #element;
  #onEnd;

  /**
   * @param {HTMLElement} element
   * @param {() => void} onEnd
   */
  constructor(element, onEnd) {
    this.#element = element;
    this.#onEnd = onEnd;
    for (const type of ["pointermove", "pointerdown", "keydown", "focusin"]) {
      element.addEventListener(type, () => {
        this.#activeAt = Date.now();
        this.#timer ??= setTimeout(() => this.#look(), IDLE_AFTER_MS);
      });
    }
    // The focus has its next place only after the event.
    for (const type of ["pointerleave", "focusout"]) {
      element.addEventListener(type, () => setTimeout(() => this.#leave()));
    }
  }

  /** True while a person points or types there. */
  get holds() {
    if (Date.now() - this.#activeAt >= IDLE_AFTER_MS) return false;
    return this.#element.matches(":hover") || this.#element.contains(document.activeElement);
  }

  #look() {
    this.#timer = undefined;
    if (this.holds) this.#timer = setTimeout(() => this.#look(), this.#activeAt + IDLE_AFTER_MS - Date.now());
    else this.#onEnd();
  }

  #leave() {
    if (!this.holds) this.#onEnd();
  }
}
