// The top of the page: the state of the connection, and the totals of all downloads.

import { formatSpeed, withCount } from "./format.js";

/** @typedef {import("./gateway.js").ConnectionState} ConnectionState */

export class Header {
  /** @type {Map<HTMLElement, string>} */
  #written = new Map();
  #elements;

  /**
   * @param {object} elements
   * @param {HTMLElement} elements.phase the connection's state in words
   * @param {HTMLElement} elements.retry the button that connects immediately
   * @param {HTMLElement} elements.active
   * @param {HTMLElement} elements.speed
   */
  constructor(elements) {
    this.#elements = elements;
  }

  /**
   * @param {ConnectionState} state
   * @param {number} now ms
   */
  showConnection(state, now) {
    const { phase, retry } = this.#elements;
    this.#write(phase, describe(state, now));
    const { dataset } = document.documentElement;
    if (dataset.connection === state.phase) return;
    dataset.connection = state.phase;
    const canRetry = state.phase === "lost" || state.phase === "refused";
    // A button that vanishes under the focus would throw the keyboard back to the top.
    if (!canRetry && document.activeElement === retry) phase.focus();
    retry.hidden = !canRetry;
  }

  /**
   * @param {{active: number, speed: number}} totals
   * @param {boolean} isLive false without a connection, when the speed is unknown
   */
  showTotals({ active, speed }, isLive) {
    this.#write(this.#elements.active, `${active} active`);
    this.#write(this.#elements.speed, isLive ? formatSpeed(speed) : "– B/s");
    const title = active > 0 ? `${withCount(active, "download")} · Simulcast` : "Simulcast";
    if (document.title !== title) document.title = title;
  }

  /**
   * @param {HTMLElement} element
   * @param {string} text
   */
  #write(element, text) {
    if (this.#written.get(element) === text) return;
    this.#written.set(element, text);
    element.textContent = text;
  }
}

/**
 * @param {ConnectionState} state
 * @param {number} now ms
 * @returns {string} the state in words
 */
export function describe(state, now) {
  if (state.phase === "connected") return state.transport === "sse" ? "Live (by SSE)" : "Live";
  if (state.phase === "lost") {
    const seconds = Math.max(1, Math.ceil(((state.retryAt ?? now) - now) / 1000));
    return `No connection, next try in ${seconds} s`;
  }
  if (state.phase !== "refused") return "Connecting…";
  if (state.wantsToken) return "A token is required";
  return `The server refused the connection: ${state.reason || `code ${state.code}`}`;
}
