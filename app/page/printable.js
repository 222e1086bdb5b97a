// Foreign text, made fit to be shown. Pure: no DOM, no clock.

const MAX_TEXT_CHARS = 500;

/**
 * Foreign text, cut to the length that a row can hold. Control and direction characters, which could hide the end of a
 * name, become visible.
 * @param {string} text
 * @returns {string}
 */
export function printable(text) {
  const cut = text.length > MAX_TEXT_CHARS ? `${text.slice(0, MAX_TEXT_CHARS)}…` : text;
  return cut.replace(/[\u0000-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}
