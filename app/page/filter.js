// The filter of the rows: by words of the name, kind or address, and by state.

import { announce } from "./announcer.js";
import { byId, isTyping, setText } from "./dom.js";
import { displayName } from "./downloads.js";
import { hasEnded } from "./merge.js";
import { t } from "./messages.js";

/** @typedef {import("./downloads.js").Download} Download */

/** A pause in typing: a number for each letter would be noise. */
const ANNOUNCE_DELAY_MS = 600;

const [search, stateFilter, count, none, reset] = byId("search", "state-filter", "count", "none", "reset");

export class Filter {
  /** @type {string[]} */
  #words = [];
  #state = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => void} onChange */
  constructor(onChange) {
    const change = () => {
      this.#words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.#state = stateFilter.value;
      onChange();
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => announce(t("shown", { jobs: count.textContent })), ANNOUNCE_DELAY_MS);
    };
    search.addEventListener("input", change);
    stateFilter.addEventListener("change", change);
    reset.addEventListener("click", () => {
      search.value = "";
      stateFilter.value = "";
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
    const text = `${displayName(download)}\n${download.kind}\n${download.url}`.toLowerCase();
    return this.#words.every((word) => text.includes(word));
  }

  /** @returns {import("./reader.js").View} */
  get view() {
    // The server looks for one text; the rest is left to this page.
    const word = this.#words.reduce((longest, word) => (word.length > longest.length ? word : longest), "");
    return { word, state: this.#state };
  }

  /**
   * @param {number} total
   * @param {number} visible
   * @param {boolean} isSearching whether more may be found
   */
  showCount(total, visible, isSearching) {
    const isFiltering = search.value !== "" || stateFilter.value !== "";
    const shown = t(isFiltering ? "job_count_of" : "job_count", { count: total, visible });
    const text = isSearching ? `${shown}${t("searching")}` : shown;
    none.hidden = !isFiltering || total === 0 || visible > 0 || isSearching;
    setText(count, text);
  }
}
