// The socket to the front-end: opens it, resumes where it stopped, and comes back after a loss.

/** @typedef {"connecting" | "live" | "lost" | "refused"} Phase */

/**
 * @typedef {object} Status
 * @property {Phase} phase lost: it comes back by itself; refused: it doesn't
 * @property {number | null} retryAt when the next attempt starts, ms; only while lost
 * @property {string} reason what the server said when it refused
 */

const RETRY_AFTER_MS = 5_000;
const JITTER = 0.2; // up to a fifth earlier or later, so that a thousand pages don't come back at once
const CONNECT_WITHIN_MS = 10_000;
const BAD_REQUEST = 4400;
/** "Change something first": the same attempt would only be refused again (simulcast/codes.py). */
const REFUSALS = new Set([1003, 1007, 1008, 1009, BAD_REQUEST]);
const POSITION = /^(0|[1-9]\d{0,19})-(0|[1-9]\d{0,19})$/;

/**
 * Beside the page, so that it also works below a sub path.
 * @param {{protocol: string, host: string, pathname: string}} location
 * @returns {string}
 */
export function socketAddress({ protocol, host, pathname }) {
  const directory = pathname.slice(0, pathname.lastIndexOf("/") + 1);
  return `${protocol === "https:" ? "wss:" : "ws:"}//${host}${directory}ws`;
}

export class Connection {
  /** @type {Status} */
  status = { phase: "connecting", retryAt: null, reason: "" };
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #since = "";
  #wasOffline = false;
  #address;
  #onMessage;
  #onStatus;

  /**
   * @param {object} options
   * @param {string} options.address
   * @param {(text: string) => void} options.onMessage each text message, as it came
   * @param {(status: Status) => void} options.onStatus each change
   */
  constructor({ address, onMessage, onStatus }) {
    this.#address = address;
    this.#onMessage = onMessage;
    this.#onStatus = onStatus;
  }

  /** Connects, and from now on also comes back at once when the network or the person does. */
  start() {
    window.addEventListener("offline", () => {
      this.#wasOffline = true;
    });
    window.addEventListener("online", () => {
      // A socket from before may be dead without knowing it; a new one costs nothing, since it resumes.
      const mayBeDead = this.#wasOffline && this.status.phase === "live";
      this.#wasOffline = false;
      if (mayBeDead || this.status.phase === "lost") this.connectNow();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.status.phase === "lost") this.connectNow();
    });
    this.connectNow();
  }

  /**
   * Tells where to resume: the position of the last event that was seen.
   * @param {unknown} eventId anything that is no position changes nothing
   */
  seen(eventId) {
    if (typeof eventId === "string" && POSITION.test(eventId)) this.#since = eventId;
  }

  /**
   * @param {string} text
   * @returns {boolean} false when there is no connection; then nothing was sent
   */
  send(text) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  /** Leaves the socket that there is, if any, and opens a new one. */
  connectNow() {
    clearTimeout(this.#timer);
    this.#socket?.close();
    const socket = new WebSocket(this.#since ? `${this.#address}?since=${this.#since}` : this.#address);
    this.#socket = socket;
    this.#tell({ phase: "connecting", retryAt: null, reason: "" });

    // An attempt that hangs would keep the page from ever trying again.
    this.#timer = setTimeout(() => this.#ended(socket, 1006, ""), CONNECT_WITHIN_MS);
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      clearTimeout(this.#timer);
      this.#tell({ phase: "live", retryAt: null, reason: "" });
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket && typeof data === "string") this.#onMessage(data);
    });
    socket.addEventListener("close", ({ code, reason }) => this.#ended(socket, code, reason));
  }

  /**
   * @param {WebSocket} socket
   * @param {number} code
   * @param {string} reason
   */
  #ended(socket, code, reason) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    socket.close();
    clearTimeout(this.#timer);
    // What can be changed here is the position: without it the snapshot comes.
    const canChange = code === BAD_REQUEST && this.#since !== "";
    if (canChange) this.#since = "";
    if (REFUSALS.has(code) && !canChange) {
      this.#tell({ phase: "refused", retryAt: null, reason: reason || `code ${code}` });
      return;
    }
    const wait = RETRY_AFTER_MS * (1 + JITTER * (2 * Math.random() - 1));
    this.#timer = setTimeout(() => this.connectNow(), wait);
    this.#tell({ phase: "lost", retryAt: Date.now() + wait, reason: "" });
  }

  /** @param {Status} status */
  #tell(status) {
    this.status = status;
    this.#onStatus(status);
  }
}
