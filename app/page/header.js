// The top of the page: how the connection is, and what all downloads do together.

import { counted, speed } from "./format.js";

/** @typedef {import("./gateway.js").ConnectionState} ConnectionState */

export class Header {
  /** @type {Map<HTMLElement, string>} */
  #written = new Map();
  #phase;
  #retry;
  #active;
  #speed;

  /**
   * @param {object} elements
   * @param {HTMLElement} elements.phase where the connection is told
   * @param {HTMLElement} elements.retry the button to connect at once
   * @param {HTMLElement} elements.active
   * @param {HTMLElement} elements.speed
   */
  constructor({ phase, retry, active, speed: speedElement }) {
    this.#phase = phase;
    this.#retry = retry;
    this.#active = active;
    this.#speed = speedElement;
  }

  /**
   * @param {ConnectionState} state
   * @param {number} now ms
   */
  connection(state, now) {
    const { phase } = state;
    this.#write(this.#phase, describe(state, now));
    const { dataset } = document.documentElement;
    if (dataset.connection === phase) return;
    dataset.connection = phase;
    const stopped = phase === "lost" || phase === "refused";
    // A button that vanishes under the focus would throw the keyboard back to the top.
    if (!stopped && document.activeElement === this.#retry) this.#phase.focus();
    this.#retry.hidden = !stopped;
  }

  /**
   * @param {{active: number, speed: number}} totals
   * @param {boolean} known false while nothing is heard
   */
  totals({ active, speed: bytesPerSecond }, known) {
    this.#write(this.#active, `${active} active`);
    this.#write(this.#speed, known ? speed(bytesPerSecond) : "– B/s");
    const title = active > 0 ? `${counted(active, "download")} · Simulcast` : "Simulcast";
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
  if (state.wantsToken) return "A token is wanted";
  return `The server refused the connection: ${state.reason || `code ${state.code}`}`;
}
