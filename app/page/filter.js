// Which rows are seen: by words of the name or address, and by state.

import { nameOf } from "./downloads.js";
import { counted } from "./format.js";
import { hasEnded } from "./merge.js";

/** @typedef {import("./downloads.js").Download} Download */

/** Nobody wants to hear a number for each letter. */
const ANNOUNCE_DELAY_MS = 600;

export class Filter {
  /** @type {string[]} */
  #words = [];
  #state = "";
  /** What is searched in each, made again when its name or address changes. @type {WeakMap<Download, Haystack>} */
  #haystacks = new WeakMap();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #written = "";
  #elements;
  #say;

  /**
   * @typedef {{name: string, url: string, text: string}} Haystack
   *
   * @param {object} options
   * @param {HTMLInputElement} options.search
   * @param {HTMLSelectElement} options.state its values: "", "active", or a state
   * @param {HTMLElement} options.count where it is told how many are seen
   * @param {HTMLElement} options.none seen when nothing matches
   * @param {HTMLButtonElement} options.reset
   * @param {() => void} options.onChange
   * @param {(sentence: string) => void} options.say
   */
  constructor({ onChange, say, ...elements }) {
    this.#elements = elements;
    this.#say = say;
    const { search, state, reset } = elements;
    const change = () => {
      this.#words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.#state = state.value;
      onChange();
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#say(`${this.#written} shown.`), ANNOUNCE_DELAY_MS);
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
    const wanted = this.#state;
    if (wanted === "active" ? hasEnded(download.state) : wanted !== "" && wanted !== download.state) return false;
    if (this.#words.length === 0) return true;
    const text = this.#textOf(download);
    return this.#words.every((word) => text.includes(word));
  }

  /**
   * @param {number} total
   * @param {number} shown
   */
  show(total, shown) {
    const { count, none, search, state } = this.#elements;
    const filters = search.value !== "" || state.value !== "";
    const words = filters ? `${shown} of ${counted(total, "download")}` : counted(total, "download");
    none.hidden = !filters || total === 0 || shown > 0;
    if (words === this.#written) return;
    this.#written = words;
    count.textContent = words;
  }

  /**
   * @param {Download} download
   * @returns {string}
   */
  #textOf(download) {
    const { name, url } = download;
    const known = this.#haystacks.get(download);
    if (known && known.name === name && known.url === url) return known.text;
    const text = `${nameOf(download)}\n${url}`.toLowerCase();
    this.#haystacks.set(download, { name, url, text });
    return text;
  }
}

/**
 * @param {EventTarget | null} target
 * @returns {boolean} whether a key pressed there writes
 */
function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}
