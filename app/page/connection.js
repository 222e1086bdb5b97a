// The socket to the front-end: opens it, resumes where it stopped, and comes back after a loss. It speaks simulcast.v1.
// Where no WebSocket can be opened, a stream of server-sent events takes its place until the next loss.

import { Stream } from "./stream.js";

/** @typedef {"connecting" | "live" | "lost" | "refused"} Phase */

/**
 * @typedef {object} Status
 * @property {Phase} phase lost: it comes back by itself; refused: it doesn't
 * @property {number | null} retryAt when the next attempt starts, ms; only while lost
 * @property {string} reason what the server said when it refused
 * @property {boolean} [byStream] whether it is live without a WebSocket
 * @property {boolean} [wantsToken] whether it was refused because of the token
 */

const RECONNECT_DELAY_MS = 5_000;
const JITTER = 0.2; // up to a fifth earlier or later, so that a thousand pages don't come back at once
const CONNECT_TIMEOUT_MS = 10_000;
/** A proxy that knows no WebSockets may also let an attempt hang. */
const OPEN_TIMEOUT_MS = 5_000;
const MAX_FAILED_SOCKETS = 2;
/** What is superseded in that time is left out: nobody sees more, and each message costs the browser the same. */
const INTERVAL_MS = 500;
const SUBPROTOCOL = "simulcast.v1";
/** The server marks its position every 20 s. Two marks that are missing: the network took the socket and told nobody. */
const IDLE_TIMEOUT_MS = 45_000;
/** What hello announces follows it at once; its position is believed when that must have come. */
const HELLO_HOLDS_AFTER_MS = 1_000;
const LOST = 1006;
const BAD_REQUEST = 4400;
const NOT_ALLOWED = 4403;
/** The token is missing or not valid, doesn't allow this, or has expired: a person has to give another one. */
const OF_THE_TOKEN = new Set([4401, NOT_ALLOWED, 4419]);
/** "Change something first": the same attempt would only be refused again (simulcast/model/close_codes.py). */
const REFUSALS = new Set([1003, 1007, 1008, 1009, BAD_REQUEST, ...OF_THE_TOKEN]);
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
  /** @type {WebSocket | Stream | null} */
  #socket = null;
  /** WebSockets since the last that opened. */
  #failed = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #since = "";
  /** The position that a hello told, until an event or a mark tells a newer one. */
  #hello = { position: "", at: 0 };
  #heardAt = 0;
  #wasOffline = false;
  #address;
  #events;
  #downloads;
  #token;
  #onMessage;
  #onStatus;
  #onHello;

  /**
   * @param {object} options
   * @param {string} options.address
   * @param {string} options.events where they come without a WebSocket
   * @param {string} options.downloads where commands go then
   * @param {import("./token.js").Token} options.token
   * @param {(message: Record<string, unknown>) => void} options.onMessage each message that is a JSON object
   * @param {(status: Status) => void} options.onStatus each change
   * @param {(recovered: boolean) => void} options.onHello whether all that was missed follows, or a snapshot
   */
  constructor({ address, events, downloads, token, onMessage, onStatus, onHello }) {
    this.#address = address;
    this.#events = events;
    this.#downloads = downloads;
    this.#token = token;
    this.#onMessage = onMessage;
    this.#onStatus = onStatus;
    this.#onHello = onHello;
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
   * To be called now and then: a socket on which nothing came for too long is given up.
   * @param {number} now ms
   */
  check(now) {
    const socket = this.#socket;
    if (socket && this.status.phase === "live" && now - this.#heardAt >= IDLE_TIMEOUT_MS) this.#ended(socket, LOST, "");
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
    const since = this.#position(Date.now());
    const query = `?interval_ms=${INTERVAL_MS}${since && `&since=${since}`}`;
    const socket = new WebSocket(this.#address + query, SUBPROTOCOL);
    let isOpen = false;
    const fails = () => {
      if (socket !== this.#socket || isOpen) return;
      this.#failed += 1;
      if (this.#failed >= MAX_FAILED_SOCKETS) this.#connectByStream();
    };
    socket.addEventListener("open", () => {
      isOpen = true;
      if (socket === this.#socket) this.#failed = 0;
    });
    socket.addEventListener("close", ({ code }) => {
      if (!REFUSALS.has(code)) fails();
    });
    this.#await(socket, OPEN_TIMEOUT_MS, () => {
      if (isOpen) this.#ended(socket, LOST, "");
      this.#failed = MAX_FAILED_SOCKETS;
      fails();
    });
  }

  #connectByStream() {
    this.#socket?.close();
    const stream = new Stream(this.#events, this.#downloads, this.#position(Date.now()), this.#token);
    this.#await(stream, CONNECT_TIMEOUT_MS, () => this.#ended(stream, LOST, ""));
  }

  /**
   * @param {WebSocket | Stream} socket
   * @param {number} withinMs an attempt that hangs would keep the page from ever trying again
   * @param {() => void} onLate
   */
  #await(socket, withinMs, onLate) {
    clearTimeout(this.#timer);
    this.#socket = socket;
    this.#tell({ phase: "connecting", retryAt: null, reason: "" });
    this.#timer = setTimeout(onLate, withinMs);
    const isStream = socket instanceof Stream;
    const live = () => {
      clearTimeout(this.#timer);
      this.#heardAt = Date.now();
      this.#tell({ phase: "live", retryAt: null, reason: "", byStream: isStream });
    };
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      // Not with the handshake: a browser isn't told why one was refused. Where a proxy has shown a token already, this
      // one is no action there, which is answered and does nothing.
      if (isStream || !this.#token.isWanted) live();
      else socket.send(JSON.stringify({ action: "authenticate", token: this.#token.text }));
    });
    socket.addEventListener("message", (event) => {
      if (socket !== this.#socket) return;
      if (this.status.phase !== "live") live();
      this.#take(/** @type {MessageEvent} */ (event).data);
    });
    socket.addEventListener("close", (event) => {
      const { code, reason } = /** @type {CloseEvent} */ (event);
      this.#ended(socket, code, reason);
    });
  }

  /**
   * @param {WebSocket | Stream} socket
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
    if (canChange) this.#seen("");
    if (REFUSALS.has(code) && !canChange) {
      // A page that a proxy serves under another name isn't allowed either, where no token helps.
      const wantsToken = OF_THE_TOKEN.has(code) && (code !== NOT_ALLOWED || this.#token.isWanted);
      this.#tell({ phase: "refused", retryAt: null, reason: reason || `code ${code}`, wantsToken });
      return;
    }
    const wait = RECONNECT_DELAY_MS * (1 + JITTER * (2 * Math.random() - 1));
    this.#timer = setTimeout(() => this.connectNow(), wait);
    this.#tell({ phase: "lost", retryAt: Date.now() + wait, reason: "" });
  }

  /** @param {unknown} data */
  #take(data) {
    this.#heardAt = Date.now();
    const message = parse(data);
    if (message === null) return;
    const { event_id: eventId, type, position } = message;
    if (eventId !== undefined) {
      if (isPosition(eventId)) this.#seen(eventId);
    } else if (type === "position" && isPosition(position)) {
      this.#seen(position);
      return;
    } else if (type === "hello" && isPosition(position)) {
      this.#hello = { position, at: this.#heardAt };
      this.#onHello(message.recovered === true);
      return;
    }
    this.#onMessage(message);
  }

  /** @param {string} position "" where there is none to resume from */
  #seen(position) {
    this.#since = position;
    this.#hello.position = "";
  }

  /**
   * @param {number} now ms
   * @returns {string} where to resume; "" for the snapshot
   */
  #position(now) {
    const { position, at } = this.#hello;
    return position !== "" && now - at >= HELLO_HOLDS_AFTER_MS ? position : this.#since;
  }

  /** @param {Status} status */
  #tell(status) {
    this.status = status;
    this.#onStatus(status);
  }
}

/**
 * @param {unknown} data
 * @returns {Record<string, unknown> | null} null for what is no object: anybody may publish anything
 */
function parse(data) {
  if (typeof data !== "string") return null;
  try {
    const message = JSON.parse(data);
    return typeof message === "object" && message !== null ? message : null;
  } catch {
    return null;
  }
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
function isPosition(value) {
  return typeof value === "string" && POSITION.test(value);
}
