// The form for a token. It is visible only while the server refuses the page for want of one.

import { printable } from "./format.js";

export class AccessForm {
  #elements;

  /**
   * @param {object} options
   * @param {HTMLFormElement} options.form
   * @param {HTMLInputElement} options.input
   * @param {HTMLElement} options.message the reason for the form
   * @param {HTMLElement} options.focusFallback takes the focus when the form that has it disappears
   * @param {import("./token.js").Token} options.token
   * @param {() => void} options.onToken the token has changed
   */
  constructor({ token, onToken, ...elements }) {
    this.#elements = elements;
    const { form, input } = elements;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (token.set(input.value.trim())) onToken();
      else this.open("a token has no spaces and only letters of ASCII");
    });
  }

  /** @param {string} reason why the last token was refused; "" where there was none */
  open(reason) {
    const { form, input, message } = this.#elements;
    const isFirst = reason === "";
    message.textContent = isFirst ? "This service requires a token." : `Enter another token: ${printable(reason)}.`;
    if (isFirst) input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
    form.hidden = false;
    if (document.activeElement === document.body) input.focus();
  }

  /** Hides the form once the server has accepted the page. */
  close() {
    const { form, input, focusFallback } = this.#elements;
    const hasFocus = form.contains(document.activeElement);
    form.hidden = true;
    input.value = "";
    if (hasFocus) focusFallback.focus();
  }
}
