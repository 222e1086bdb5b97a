// Choices of the person that outlast a reload. Where storage is forbidden they last as long as the page.

/** Another service of the same origin has its own. */
const PREFIX = `simulcast ${new URL(".", document.baseURI).pathname} `;

/**
 * @param {string} name
 * @returns {string} "" where none was stored
 */
export function readPreference(name) {
  try {
    return localStorage.getItem(PREFIX + name) ?? "";
  } catch {
    return "";
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function storePreference(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // It stays with this page.
  }
}
