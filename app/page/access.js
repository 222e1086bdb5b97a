// The field for a token. It is there only while the server doesn't let the page in without one.

import { shown } from "./format.js";

export class AccessForm {
  #elements;

  /**
   * @param {object} options
   * @param {HTMLFormElement} options.form
   * @param {HTMLInputElement} options.input
   * @param {HTMLElement} options.words why it is there
   * @param {HTMLElement} options.refuge takes the focus when the form goes away under it
   * @param {import("./token.js").Token} options.token
   * @param {() => void} options.onToken there is another one
   */
  constructor({ token, onToken, ...elements }) {
    this.#elements = elements;
    const { form, input } = elements;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (token.use(input.value.trim())) onToken();
      else this.ask("what was entered is no token");
    });
  }

  /** @param {string} reason why the last one didn't do; "" where there was none */
  ask(reason) {
    const { form, input, words } = this.#elements;
    words.textContent = reason === "" ? "This service wants a token." : `Another one is wanted: ${shown(reason)}.`;
    if (reason === "") input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
    form.hidden = false;
    if (document.activeElement === document.body) input.focus();
  }

  /** The page was let in. */
  close() {
    const { form, input, refuge } = this.#elements;
    const focused = form.contains(document.activeElement);
    form.hidden = true;
    input.value = "";
    if (focused) refuge.focus();
  }
}
