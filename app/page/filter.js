// The filter of the rows: by words of the name or address, and by state.

import { displayName } from "./downloads.js";
import { withCount } from "./format.js";
import { hasEnded } from "./merge.js";

/** @typedef {import("./downloads.js").Download} Download */

/** A pause in typing: a number for each letter would be noise. */
const ANNOUNCE_DELAY_MS = 600;

export class Filter {
  /** @type {string[]} */
  #words = [];
  #state = "";
  /** The searched text of each, made again when its name or address changes. @type {WeakMap<Download, SearchText>} */
  #searchTexts = new WeakMap();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #written = "";
  #elements;

  /**
   * @typedef {{name: string, url: string, text: string}} SearchText
   *
   * @param {object} options
   * @param {HTMLInputElement} options.search
   * @param {HTMLSelectElement} options.state its values: "", "active", or a state
   * @param {HTMLElement} options.count the number of visible rows
   * @param {HTMLElement} options.none visible when nothing matches
   * @param {HTMLButtonElement} options.reset
   * @param {() => void} options.onChange
   * @param {(sentence: string) => void} options.announce
   */
  constructor({ onChange, announce, ...elements }) {
    this.#elements = elements;
    const { search, state, reset } = elements;
    const change = () => {
      this.#words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.#state = state.value;
      onChange();
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => announce(`${this.#written} shown.`), ANNOUNCE_DELAY_MS);
    };
    search.addEventListener("input", change);
    state.addEventListener("change", change);
    reset.addEventListener("click", () => {
      search.value = "";
      state.value = "";
      change();
      search.focus();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (!search.checkVisibility()) return;
      event.preventDefault();
      search.focus();
      search.select();
    });
  }

  /**
   * @param {Download} download
   * @returns {boolean}
   */
  matches(download) {
    const state = this.#state;
    if (state === "active" ? hasEnded(download.state) : state !== "" && state !== download.state) return false;
    if (this.#words.length === 0) return true;
    const text = this.#searchText(download);
    return this.#words.every((word) => text.includes(word));
  }

  /**
   * @param {number} total
   * @param {number} visible
   */
  showCount(total, visible) {
    const { count, none, search, state } = this.#elements;
    const isFiltering = search.value !== "" || state.value !== "";
    const text = isFiltering ? `${visible} of ${withCount(total, "download")}` : withCount(total, "download");
    none.hidden = !isFiltering || total === 0 || visible > 0;
    if (text === this.#written) return;
    this.#written = text;
    count.textContent = text;
  }

  /**
   * @param {Download} download
   * @returns {string}
   */
  #searchText(download) {
    const { name, url } = download;
    const cached = this.#searchTexts.get(download);
    if (cached && cached.name === name && cached.url === url) return cached.text;
    const text = `${displayName(download)}\n${url}`.toLowerCase();
    this.#searchTexts.set(download, { name, url, text });
    return text;
  }
}

/**
 * @param {EventTarget | null} target
 * @returns {boolean} whether a key that is pressed there writes
 */
function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}
