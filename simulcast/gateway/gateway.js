// Gateway: the Flutter class of the same name, for browsers and Node. One module, no dependencies.
//
//   import { Config, Gateway } from "./gateway.js";
//   Gateway.onWebSocketMessage = (text) => console.log(JSON.parse(text));
//   await Gateway.init();
//
// In a browser it connects to `ws` beside the page, unless Config or the options say where the server is. In Node it is
// localhost:8080; below Node 22 give it a class: Gateway.WebSocket = …, or run node --experimental-websocket.

/** Where the server is, for each Gateway that was told nothing else. null: beside the page; in Node localhost:8080. */
export const Config = { serverHost: null, serverPort: null };

const DEFAULT_PORT = 8080;
/** With it the server tells its position every 20 s, the only heartbeat that JavaScript can see (docs/protocol.md). */
const SUBPROTOCOL = "simulcast.v1";
/** Closes that mean "change something first": the server would only say the same again (simulcast/model/close_codes.py). */
const CHANGE_SOMETHING_FIRST = new Set([1003, 1007, 1008, 1009, 4400, 4401, 4403]);
const TOKEN_EXPIRED = 4419;
/** Closes that the same token would only bring about again. */
const OF_THE_TOKEN = new Set([4401, 4403, TOKEN_EXPIRED]);
const DEFAULTS = { connectWithinMs: 10_000, silenceMs: 45_000, refusedDelayMs: 60_000, closeWithinMs: 2_000 };
const LOST = 1006;
const OPEN = 1;
const JITTER = 0.2;
const MAX_UNSENT_BYTES = 2 ** 20;

/** How far a client has read in each channel ("" where events don't carry it), as simulcast/gateway/resume_position.py. */
class Bookmark {
  static #BEGINNING = /^\{"event_id":"([^"\\]{1,128})-([0-9]{1,20})"(?:,"channel":"([\w.:-]{1,100})")?/;
  static #MARK =
    /^\{"type": ?"(hello|position)", ?(?:"channel": ?"([\w.:-]{1,100})", ?)?"position": ?"([^"\\]{1,128})-([0-9]{1,20})"(?:, ?"channel": ?"([\w.:-]{1,100})")?/;
  #last = new Map();
  #before = new Map();

  /** What to ask `since`; "" before the first event. */
  get since() {
    const named = [...this.#last].filter(([channel]) => channel !== "");
    if (named.length) return named.map(([channel, at]) => `${channel}:${at.epoch}-${at.offset}`).join(",");
    const at = this.#last.get("");
    return at ? `${at.epoch}-${at.offset}` : "";
  }

  /** A connection begins. What was seen up to here may come again; it isn't news then. */
  begin() {
    this.#before = new Map(this.#last);
  }

  /** Takes note of one message; false if an earlier connection had brought it already. */
  isNews(text) {
    const match = Bookmark.#BEGINNING.exec(text);
    if (!match) return true;
    const [, epoch, digits, channel = ""] = match;
    const offset = BigInt(digits);
    const before = this.#before.get(channel);
    if (before?.epoch === epoch && offset <= before.offset) return false;
    this.#see(channel, epoch, offset);
    return true;
  }

  /** Whether the text is one of the server's marks, which no callback gets. Takes note of where it is. */
  isMark(text) {
    const match = Bookmark.#MARK.exec(text);
    if (!match) return false;
    const [, type, before, epoch, digits, behind] = match;
    // What `hello` announces comes only after it, so its position is not yet where this client is.
    if (type === "position") this.#see(before ?? behind ?? "", epoch, BigInt(digits));
    return true;
  }

  #see(channel, epoch, offset) {
    const last = this.#last.get(channel);
    if (last?.epoch !== epoch || offset > last.offset) this.#last.set(channel, { epoch, offset });
  }
}

/** A connection that comes back by itself and resumes where it was. gateway.d.ts says what each member promises. */
export class Gateway {
  static WebSocket = null;

  onWebSocketMessage = null;
  onWebSocketStatusChange = null;
  reconnectDelayMs;
  token = null;
  #options;
  #bookmark = new Bookmark();
  #wanted = false; // whether there should be a connection
  #socket = null; // of the attempt, or of the connection
  #connected = false; // what the callback was told last
  #timer; // ends an attempt, or begins the next
  #watch; // notices silence
  #waiting = []; // who wants to know what came of the attempt
  #lastFailure = "";
  #online = () => this.#wanted && !this.#socket && this.#attempt();

  constructor(options = {}) {
    const { onWebSocketMessage = null, onWebSocketStatusChange = null, reconnectDelayMs = 5_000 } = options;
    [this.#options, this.token] = [{ ...DEFAULTS, ...options }, options.token ?? null];
    this.onWebSocketMessage = onWebSocketMessage;
    this.onWebSocketStatusChange = onWebSocketStatusChange;
    this.reconnectDelayMs = reconnectDelayMs;
    if (options.url != null) this.#address();
  }

  get isWebSocketConnected() {
    return this.#connected && this.#socket?.readyState === OPEN;
  }

  async init() {
    await this.connectWebSocket();
  }

  async connectWebSocket() {
    this.#address();
    this.#socketClass();
    if (!this.#wanted) globalThis.addEventListener?.("online", this.#online);
    this.#wanted = true;
    if (this.isWebSocketConnected) return true;
    const attempted = new Promise((resolve) => this.#waiting.push(resolve));
    if (!this.#socket || this.#connected) this.#attempt();
    return attempted;
  }

  async disconnectWebSocket() {
    this.#wanted = false;
    globalThis.removeEventListener?.("online", this.#online);
    const wasConnected = this.#connected;
    const socket = this.#drop();
    this.#answerWaiting(false);
    if (!socket || !wasConnected) return;
    // In a browser a close can't be made to hurry; whoever waits for it needn't wait for ever.
    let timer;
    const closed = new Promise((resolve) => {
      socket.addEventListener("close", resolve);
      timer = setTimeout(resolve, this.#options.closeWithinMs);
    });
    if (socket.readyState < 3) await closed;
    clearTimeout(timer);
  }

  sendWebSocketMessage(message) {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    if (text === undefined) throw new TypeError(`a message is text or an object, not ${typeof message}`);
    const isFull = () => this.#socket.bufferedAmount + new TextEncoder().encode(text).length > MAX_UNSENT_BYTES;
    const why = this.isWebSocketConnected ? isFull() && "the socket is full, or it is too large" : "not connected";
    if (why) console.warn(`gateway: a message was not sent: ${why}`);
    else this.#socket.send(text);
    return !why;
  }

  async isServerRunning() {
    try {
      const address = new URL(this.#address());
      const beside = address.pathname.replace(/\/+$/, "").replace(/[^/]*$/, "health");
      const url = `${address.protocol === "wss:" ? "https" : "http"}://${address.host}${beside}`;
      // A page from elsewhere isn't shown the status: there, that something answers has to do.
      const mode = globalThis.document ? "no-cors" : "cors";
      const answer = await fetch(url, { mode, cache: "no-store", signal: AbortSignal.timeout(5_000) });
      return answer.status === 200 || answer.type === "opaque";
    } catch {
      return false;
    }
  }

  /** Raises TypeError for one that makes no sense. */
  #address() {
    const page = globalThis.document?.baseURI ?? globalThis.location?.href ?? "";
    const here = /^https?:/.test(page) ? new URL(page) : null;
    const { url, host = Config.serverHost, port = Config.serverPort } = this.#options;
    const beside = url == null && host == null && port == null && here !== null;
    const name = host ?? here?.hostname ?? "localhost";
    const named = name.includes(":") && !name.startsWith("[") ? `[${name}]` : name;
    const scheme = here?.protocol === "https:" ? "wss" : "ws";
    const text = url ?? (beside ? "ws" : `${scheme}://${named}:${port ?? DEFAULT_PORT}/ws`);
    const address = new URL(text, here ?? undefined);
    if (here && !/^[a-z][a-z0-9+.-]*:/i.test(text)) address.protocol = scheme;
    if (!["ws:", "wss:"].includes(address.protocol)) {
      throw new TypeError(`a Gateway's url begins with ws:// or wss://, unlike ${address.protocol}`);
    }
    address.hash = "";
    return address.href;
  }

  #addressToResume() {
    const address = new URL(this.#address());
    const { since } = this.#bookmark;
    if (since) {
      const kept = address.search.slice(1).split("&").filter((pair) => pair && !pair.startsWith("since="));
      address.search = [...kept, `since=${encodeURIComponent(since)}`].join("&");
    }
    return address.href;
  }

  #socketClass() {
    const found = this.#options.WebSocket ?? Gateway.WebSocket ?? globalThis.WebSocket;
    if (!found) throw new TypeError("there is no WebSocket here: set Gateway.WebSocket, or use Node 22 or newer");
    return found;
  }

  async #attempt() {
    this.#drop();
    if (this.#socket || !this.#wanted) return; // the callback has connected or disconnected
    this.#bookmark.begin();
    const asking = (this.#socket = { close() {} }); // in the socket's place while the token is asked for
    this.#timer = setTimeout(() => this.#ended(this.#socket, LOST, "no answer in time"), this.#options.connectWithinMs);
    let socket, token;
    try {
      token = typeof this.token === "function" ? await this.token() : this.token;
      if (this.#socket !== asking) return; // too late, or somebody disconnected
      const subprotocols = [...(this.#options.subprotocols ?? [SUBPROTOCOL]), ...(token ? [`bearer.${token}`] : [])];
      socket = new (this.#socketClass())(this.#addressToResume(), subprotocols);
    } catch (error) {
      this.#ended(asking, LOST, String(error).replaceAll(token || "bearer", "…")); // it may quote the token
      return;
    }
    this.#socket = socket;
    socket.addEventListener("open", () => this.#opened(socket));
    socket.addEventListener("message", ({ data }) => this.#received(socket, data));
    socket.addEventListener("close", ({ code, reason }) => this.#ended(socket, code, reason));
    // Where an attempt fails, Node 20 tells an error and no close. Elsewhere the close comes first, and it knows more.
    socket.addEventListener("error", () => setTimeout(() => this.#ended(socket, LOST, ""), 0));
  }

  #opened(socket) {
    if (socket !== this.#socket) return;
    clearTimeout(this.#timer);
    this.#lastFailure = "";
    this.#connected = true;
    // Several looks in a period: a page that was asleep for long has messages waiting, which come before the next look.
    let quietLooks = 0;
    socket.addEventListener("message", () => (quietLooks = 0));
    if (socket.protocol === SUBPROTOCOL) {
      this.#watch = setInterval(() => {
        if (++quietLooks >= 4) this.#ended(socket, LOST, "the server was silent");
      }, this.#options.silenceMs / 4);
    }
    this.#answerWaiting(true);
    this.#call("onWebSocketStatusChange", true);
  }

  #received(socket, data) {
    if (socket !== this.#socket || typeof data !== "string") return;
    if (socket.protocol === SUBPROTOCOL && this.#bookmark.isMark(data)) return;
    // Seen before delivered: a callback that disconnects must not get the same event on its return.
    if (this.#bookmark.isNews(data)) this.#call("onWebSocketMessage", data);
  }

  #ended(socket, code, reason) {
    if (socket !== this.#socket) return;
    const refused = CHANGE_SOMETHING_FIRST.has(code);
    const later = refused ? Math.max(this.reconnectDelayMs, this.#options.refusedDelayMs) : this.reconnectDelayMs;
    const [delay, failure] = [code === TOKEN_EXPIRED ? 0 : later, `${code} ${reason}`];
    if (typeof this.token === "string" && OF_THE_TOKEN.has(code)) {
      console.error(`gateway: the connection ended with ${failure}: it stays so, since the token would be the same`);
      void this.disconnectWebSocket();
      return;
    }
    if (refused) console.error(`gateway: the connection ended with ${failure}: change something first`);
    else if (failure !== this.#lastFailure) console.warn(`gateway: no connection (${failure}); it goes on trying`);
    this.#lastFailure = failure;
    // Begun before the callback hears of it, which may connect at once.
    const jittered = delay * (1 + JITTER * (2 * Math.random() - 1));
    this.#drop(() => (this.#timer = setTimeout(() => this.#attempt(), jittered)));
  }

  /** Lets go of the attempt or the connection, whichever there is, tells so, and returns its socket. */
  #drop(next = () => {}) {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    const [socket, wasConnected] = [this.#socket, this.#connected];
    [this.#socket, this.#connected] = [null, false];
    socket?.close(1000);
    next();
    if (socket && !wasConnected) this.#answerWaiting(false);
    if (wasConnected) this.#call("onWebSocketStatusChange", false);
    return socket;
  }

  #answerWaiting(connected) {
    for (const resolve of this.#waiting.splice(0)) resolve(connected);
  }

  /** Nothing that a callback throws, or that an async one rejects with, gets out. */
  async #call(name, argument) {
    try {
      await this[name]?.(argument);
    } catch (error) {
      console.error(`gateway: ${name} threw; the connection goes on`, error);
    }
  }
}

// Gateway.init() and the others: the members of one Gateway that the whole program shares, as in the Flutter app.
const shared = new Gateway();
for (const name of ["init", "connectWebSocket", "disconnectWebSocket", "sendWebSocketMessage", "isServerRunning"]) {
  Object.defineProperty(Gateway, name, { value: shared[name].bind(shared) });
}
const MEMBERS = ["onWebSocketMessage", "onWebSocketStatusChange", "reconnectDelayMs", "isWebSocketConnected", "token"];
for (const name of MEMBERS) {
  Object.defineProperty(Gateway, name, { get: () => shared[name], set: (value) => (shared[name] = value) });
}
