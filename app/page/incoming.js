// Links that are pasted or dropped anywhere on the page go to the form that adds downloads.

import { announce } from "./announcer.js";
import { byId, isTyping } from "./dom.js";
import { linksOf } from "./links.js";
import { t } from "./messages.js";

const [input] = byId("urls");
const { documentElement: root } = document;

/** Listens on the whole page, except in its fields. */
export function listenForLinks() {
  document.addEventListener("paste", (event) => {
    if (isTyping(event.target) || !event.clipboardData) return;
    if (fillIn(linksOf(event.clipboardData))) event.preventDefault();
  });
  document.addEventListener("dragover", (event) => {
    if (isElsewhere(event)) return;
    event.preventDefault(); // a drop is welcome here; a file would replace the page
    root.toggleAttribute("data-dropping", true);
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (relatedTarget === null) root.removeAttribute("data-dropping");
  });
  document.addEventListener("drop", (event) => {
    root.removeAttribute("data-dropping");
    if (isElsewhere(event)) return;
    event.preventDefault();
    if (event.dataTransfer && !fillIn(linksOf(event.dataTransfer))) announce(t("no_link"));
  });
}

/**
 * @param {DragEvent} event
 * @returns {boolean} whether it is over another field, which takes the text itself
 */
function isElsewhere({ target }) {
  return target !== input && isTyping(target);
}

/**
 * @param {string[]} links
 * @param {boolean} [takesFocus]
 * @returns {boolean} false where there are none
 */
export function fillIn(links, takesFocus = true) {
  if (links.length === 0 || input.readOnly) return false;
  input.value = [input.value.trim(), ...links].filter(Boolean).join("\n");
  input.dispatchEvent(new Event("input"));
  if (takesFocus) input.focus();
  announce(t("filled_in", { count: links.length }));
  return true;
}
