// The form for a token. It is visible only while the server refuses the page for want of one.

import { byId } from "./dom.js";
import { t } from "./messages.js";
import { token } from "./token.js";

const [form, input, message, focusFallback] = byId("access", "token", "access-message", "phase");

/** @param {() => void} onToken the token has changed */
export function accessForm(onToken) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (token.set(input.value.trim())) onToken();
    else openAccess(t("invalid_token"));
  });
}

/** @param {string} reason why the last token was refused; "" where there was none */
export function openAccess(reason) {
  const isFirst = reason === "";
  message.textContent = isFirst ? t("needs_token") : t("another_token", { reason });
  if (isFirst) input.removeAttribute("aria-invalid");
  else input.setAttribute("aria-invalid", "true");
  form.hidden = false;
  if (document.activeElement === document.body) input.focus();
}

/** Hides the form once the server has accepted the page. */
export function closeAccess() {
  const hasFocus = form.contains(document.activeElement);
  form.hidden = true;
  input.value = "";
  // A field that vanishes under the focus would throw the keyboard back to the top.
  if (hasFocus) focusFallback.focus();
}
