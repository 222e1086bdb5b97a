// The elements of the page. Each module looks up its own: there is one page, and one of each part.

/**
 * @param {string[]} ids
 * @returns {any[]} the elements with these ids
 */
export function byId(...ids) {
  return ids.map((id) => document.getElementById(id));
}

/**
 * Writes text that differs: the same text again would cost a layout.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {EventTarget | null} target
 * @returns {boolean} whether a key that is pressed there writes
 */
export function isTyping(target) {
  const fields = "input:not([type=checkbox]), textarea, select, [contenteditable]";
  return target instanceof Element && target.closest(fields) !== null;
}
