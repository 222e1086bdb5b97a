// The texts of the page in the language of the person: the one that was chosen on the page, else the browser's first that
// there is.

import { byId } from "./dom.js";
import ar from "./messages/ar.js";
import de from "./messages/de.js";
import en from "./messages/en.js";
import zh from "./messages/zh-Hans.js";
import { readPreference, storePreference } from "./preferences.js";
import { printable } from "./printable.js";

/** @typedef {keyof typeof en} Key */
/** @typedef {Partial<Record<Key, string | Partial<Record<Intl.LDMLPluralRule, string>>>>} Messages */

/** @type {Readonly<Record<string, Messages>>} */
const LANGUAGES = { en, de, "zh-Hans": zh, ar };
const RIGHT_TO_LEFT = new Set(["ar"]);
/** Each kind of text that an element in the page's HTML may have, and the attribute with its key. */
const ATTRIBUTES = [["aria-label", "data-t-label"], ["placeholder", "data-t-placeholder"], ["title", "data-t-title"]];

const language = chosenLanguage();
const isRightToLeft = RIGHT_TO_LEFT.has(language);
/** With the digits of the addresses and names beside them. */
export const locale = `${language}-u-nu-latn`;
const plurals = new Intl.PluralRules(locale);
const counts = new Intl.NumberFormat(locale, { useGrouping: false });

/**
 * @param {Key} key
 * @param {Record<string, number | string>} [values] `count` chooses the form of the plural. A string is foreign: another
 *   message is put behind this one instead.
 * @returns {string}
 */
export function t(key, values = {}) {
  const message = LANGUAGES[language][key] ?? en[key];
  const text = typeof message === "string" ? message : message[plurals.select(Number(values.count))] ?? "";
  return text.replace(/\{(\w+)\}/g, (place, name) => {
    const value = values[name] ?? null;
    if (value === null) return place;
    return typeof value === "number" ? counts.format(value) : foreign(value);
  });
}

/**
 * @param {string} text
 * @returns {string} printable, and within a sentence from right to left in an order of its own
 */
export function foreign(text) {
  return isRightToLeft ? `\u2068${alone(text)}\u2069` : printable(text);
}

/**
 * @param {string} text foreign, or a message with foreign text in it
 * @returns {string} printable where it stands alone, in an element that isolates it
 */
export function alone(text) {
  return printable(isRightToLeft ? text.replace(/[\u2068\u2069]/g, "") : text);
}

/** Writes the texts of the page's HTML, and lets the person choose a language. */
export function translatePage() {
  const { documentElement: root } = document;
  root.lang = language;
  root.dir = isRightToLeft ? "rtl" : "ltr";
  const templates = Array.from(document.querySelectorAll("template"), ({ content }) => content);
  for (const part of [document, ...templates]) translate(part);
  const [choice] = byId("language");
  choice.value = readPreference("language");
  choice.addEventListener("change", () => {
    storePreference("language", choice.value);
    location.reload();
  });
}

/** @param {Document | DocumentFragment} part */
function translate(part) {
  for (const element of part.querySelectorAll("[data-t]")) {
    const children = [...element.children];
    const texts = t(/** @type {Key} */ (element.getAttribute("data-t"))).split(/\{(\d)\}/);
    element.replaceChildren(...texts.map((text, index) => (index % 2 ? children[Number(text) - 1] : text)));
  }
  for (const [attribute, keyed] of ATTRIBUTES) {
    for (const element of part.querySelectorAll(`[${keyed}]`)) {
      element.setAttribute(attribute, t(/** @type {Key} */ (element.getAttribute(keyed))));
    }
  }
}

/** @returns {string} */
function chosenLanguage() {
  const stored = readPreference("language");
  if (Object.hasOwn(LANGUAGES, stored)) return stored;
  for (const tag of navigator.languages) {
    const fitting = Object.keys(LANGUAGES).find((known) => isSame(known, tag));
    if (fitting) return fitting;
  }
  return "en";
}

/**
 * @param {string} known
 * @param {string} tag of a browser: "zh-CN" is zh-Hans, and "zh-TW" is not
 * @returns {boolean}
 */
function isSame(known, tag) {
  try {
    const [one, other] = [known, tag].map((name) => new Intl.Locale(name).maximize());
    return one.language === other.language && one.script === other.script;
  } catch {
    return false; // some systems name theirs "en-US@posix"
  }
}
