// Gateway: the Flutter class of the same name, for browsers and Node. It needs gateway_*.js next to it, nothing else.
//
//   import { Config, Gateway } from "./gateway.js";
//   Gateway.onWebSocketMessage = (text) => console.log(JSON.parse(text));
//   await Gateway.init();
//
// In a browser it connects to `ws` next to the page, unless Config or the options name another server. In Node that is
// localhost:8080; below Node 22 give it a class: Gateway.WebSocket = …, or run node --experimental-websocket.

import { Config, resumeAddress, siblingAddress, socketAddress, textWithout } from "./gateway_address.js";
import { CommandMethods, CommandRejected, Commands, CommandTimeout, FOLLOW, parsedObject, REQUEST } from "./gateway_commands.js";
import { ReconnectDelay } from "./gateway_delay.js";
import { serverCheck } from "./gateway_health.js";
import { NetworkWatch } from "./gateway_network.js";
import { checkedOptions, reconnectDelay } from "./gateway_options.js";
import { printReceived, printSent } from "./gateway_printing.js";
import { hasMarks, MARKED, ResumePosition, textsOf } from "./gateway_position.js";
import { shareMembers } from "./gateway_shared.js";
import { SSEConnection } from "./gateway_sse.js";

export { CommandRejected, CommandTimeout, Config };

/** "Change something first": the server would only refuse again (simulcast/model/close_codes.py). */
const TERMINAL_CLOSE_CODES = new Set([1003, 1007, 1008, 1009, 4400, 4401, 4403]);
const [LOST, BAD_REQUEST, NOT_ALLOWED, TOKEN_EXPIRED] = [1006, 4400, 4403, 4419];
/** The same token would only be refused again. */
const TOKEN_CLOSE_CODES = new Set([4401, NOT_ALLOWED, TOKEN_EXPIRED]);
const DEFAULTS = {
  reconnectDelayMs: 5_000, refusedDelayMs: 60_000,
  connectTimeoutMs: 10_000, idleTimeoutMs: 45_000, closeTimeoutMs: 2_000,
  subprotocols: [MARKED],
};
const [OPEN, IDLE_CHECKS, MAX_FAILED_SOCKETS, MAX_UNSENT_BYTES] = [1, 9, 2, 2 ** 20];

/** A connection that comes back by itself and resumes where it was. gateway.d.ts documents each member. */
export class Gateway extends CommandMethods {
  static WebSocket = null;

  onWebSocketMessage;
  onWebSocketStatusChange;
  onEvent;
  onStateChange;
  onHello;
  reconnectDelayMs;
  token;
  printMessages;
  #options;
  #position = new ResumePosition();
  #commands = new Commands();
  #delay = new ReconnectDelay();
  #state = { phase: "disconnected" };
  #isWanted = false; // true while there should be a connection
  #socket = null; // of the attempt, or of the connection
  #isConnected = false; // the newest argument of onWebSocketStatusChange
  #isAlone = true; // true while one channel is followed
  #canFallBack = false; // true if server-sent events may replace the WebSocket of this attempt
  #failedSockets = 0; // WebSockets since the last that opened
  #lastFailure = "";
  // A socket from before the network went may be dead unnoticed; a new one costs little, since it resumes.
  #network = new NetworkWatch((wasOffline) => {
    if ((wasOffline && this.#isConnected) || this.#state.phase === "lost") this.#connect();
  });
  #timer; // ends an attempt, or begins the next
  #idleTimer;
  #idleChecks = 0; // since the last message
  #waiting = []; // resolve functions: of those who await the attempt's result

  constructor(options = {}) {
    super();
    this.#options = checkedOptions(options, DEFAULTS);
    for (const name of Object.keys(this).filter((each) => each.startsWith("on"))) this[name] = options[name] ?? null;
    [this.token, this.reconnectDelayMs] = [options.token ?? null, this.#options.reconnectDelayMs];
    this.printMessages = options.printMessages ?? false;
    if (options.url != null) socketAddress(this.#options);
  }

  get isWebSocketConnected() {
    return this.#isConnected && this.#socket?.readyState === OPEN;
  }

  async init() {
    await this.connectWebSocket();
  }

  async connectWebSocket() {
    socketAddress(this.#options);
    this.#socketClass();
    if (!this.#isWanted) this.#network.start();
    this.#isWanted = true;
    if (this.isWebSocketConnected) return true;
    const attempted = new Promise((resolve) => this.#waiting.push(resolve));
    if (!this.#socket || this.#isConnected) this.#connect();
    return attempted;
  }

  async disconnectWebSocket() {
    this.#isWanted = false;
    this.#commands.giveUp();
    this.#network.stop();
    const wasConnected = this.#isConnected;
    const socket = this.#drop({ phase: "disconnected" });
    this.#answerWaiting(false);
    if (!socket || !wasConnected) return;
    // A browser gives no way to hurry a close, so the wait for it has an end of its own.
    let timer;
    const closed = new Promise((resolve) => {
      socket.addEventListener("close", resolve);
      timer = setTimeout(resolve, this.#options.closeTimeoutMs);
    });
    if (socket.readyState < 3) await closed;
    clearTimeout(timer);
  }

  sendWebSocketMessage(message) {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    if (text === undefined) throw new TypeError(`a message is text or an object, not ${typeof message}`);
    const isSent = this.#sendNow(text);
    const why = this.isWebSocketConnected ? "the socket is full, or it is too large" : "not connected";
    if (!isSent) console.warn(`gateway: a message was not sent: ${why}`);
    return isSent;
  }

  async [REQUEST](action, target, members, deadlineMs) {
    if (!this.#isWanted) throw new Error(`${action} needs a connection: connectWebSocket() first`);
    return this.#commands.request((text) => this.#sendNow(text), action, target, members, deadlineMs);
  }

  [FOLLOW](channels, added) {
    this.#position.follow(channels, added);
  }

  #sendNow(text) {
    if (!this.isWebSocketConnected) return false;
    if (this.#socket.bufferedAmount + new TextEncoder().encode(text).length > MAX_UNSENT_BYTES) return false;
    this.#socket.send(text);
    if (this.printMessages) printSent(text);
    return true;
  }

  get isServerRunning() {
    const address = () => siblingAddress(socketAddress(this.#options), "health");
    return serverCheck(address, (header) => this.#delay.heedRetryAfter(header));
  }

  #socketClass() {
    const socketClass = this.#options.WebSocket ?? Gateway.WebSocket ?? globalThis.WebSocket;
    if (!socketClass) throw new TypeError("there is no WebSocket here: set Gateway.WebSocket, or use Node 22 or newer");
    return socketClass;
  }

  /** Begins an attempt in place of the attempt or the connection that there is. */
  #connect() {
    this.#drop({ phase: "connecting" });
    if (this.#socket || !this.#isWanted) return; // a callback has connected or disconnected
    this.#position.begin();
    void this.#open(false);
  }

  async #open(bySSE) {
    const pending = (this.#socket = { close() {} }); // in the socket's place while the token is fetched
    const { connectTimeoutMs, sseFallback, authenticateByMessage, subprotocols } = this.#options;
    this.#canFallBack = false;
    // A proxy without WebSockets may let the handshake hang: half of the time remains for server-sent events.
    this.#timer = setTimeout(
      () => this.#ended(this.#socket, LOST, "no answer in time", MAX_FAILED_SOCKETS),
      sseFallback && !bySSE ? connectTimeoutMs / 2 : connectTimeoutMs,
    );
    let socket, token;
    try {
      token = typeof this.token === "function" ? await this.token() : this.token;
      if (this.#socket !== pending) return; // too late, or disconnected
      const address = resumeAddress(socketAddress(this.#options), this.#position);
      this.#isAlone = address.searchParams.getAll("channel").length <= 1;
      const sibling = (name, query) => siblingAddress(address, name, query);
      const offered = token && !authenticateByMessage ? [...subprotocols, `bearer.${token}`] : subprotocols;
      if (bySSE) socket = new SSEConnection(sibling("events", address.search), sibling("downloads"), token);
      else socket = new (this.#socketClass())(address.href, offered);
    } catch (error) {
      this.#ended(pending, LOST, textWithout(token, error));
      return;
    }
    this.#socket = socket;
    this.#canFallBack = Boolean(sseFallback) && !bySSE;
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      this.#canFallBack = false;
      if (!bySSE) this.#failedSockets = 0;
      // Behind the handshake, since a browser hides why one was refused. The server answers with its first message.
      const authenticates = authenticateByMessage && !bySSE && token != null;
      if (authenticates) socket.send(JSON.stringify({ action: "authenticate", token }));
      else this.#connected(socket);
    });
    socket.addEventListener("message", ({ data }) => this.#received(socket, data));
    socket.addEventListener("close", ({ code, reason, retryAfter }) => {
      this.#delay.heedRetryAfter(retryAfter);
      this.#ended(socket, code, reason);
    });
    // A failed attempt is an error without a close in Node 20. Elsewhere the close comes first, and it knows more.
    socket.addEventListener("error", () => setTimeout(() => this.#ended(socket, LOST, ""), 0));
  }

  #connected(socket) {
    clearTimeout(this.#timer);
    this.#lastFailure = "";
    // Several checks in a period: after a long sleep, waiting messages are delivered before the next check.
    [this.#isConnected, this.#idleChecks] = [true, 0];
    if (hasMarks(socket)) {
      this.#idleTimer = setInterval(() => {
        if (++this.#idleChecks > IDLE_CHECKS) this.#ended(socket, LOST, "the server was silent");
      }, this.#options.idleTimeoutMs / IDLE_CHECKS);
    }
    const transport = socket instanceof SSEConnection ? "sse" : "websocket";
    const state = (this.#state = { phase: "connected", transport });
    this.#answerWaiting(true);
    for (const text of this.#commands.texts) this.#sendNow(text); // of an earlier connection
    this.#call("onWebSocketStatusChange", true);
    if (this.#state === state) this.#call("onStateChange", state);
  }

  #received(socket, data) {
    if (socket !== this.#socket || typeof data !== "string") return;
    this.#idleChecks = 0;
    if (!this.#isConnected) this.#connected(socket);
    for (const text of textsOf(socket, data)) if (socket === this.#socket) this.#deliver(socket, text);
  }

  #deliver(socket, data) {
    const mark = hasMarks(socket) && this.#position.readMark(data, this.#isAlone);
    if (mark?.type === "hello") this.#call("onHello", mark);
    if (mark) return;
    // Recorded before delivered: a callback that disconnects must not get the same event on its return.
    if (!this.#position.isNew(data) && !this.#options.deliverRepeats) return;
    if (this.printMessages) printReceived(data);
    const isResult = this.#commands.takeResult(data);
    this.#call("onWebSocketMessage", data);
    const event = this.onEvent && !isResult && parsedObject(data);
    if (event) this.#call("onEvent", event);
  }

  #ended(socket, code, reason, failures = 1) {
    if (socket !== this.#socket) return;
    const isTerminal = TERMINAL_CLOSE_CODES.has(code);
    if (this.#canFallBack && !isTerminal && (this.#failedSockets += failures) >= MAX_FAILED_SOCKETS) {
      clearTimeout(this.#timer);
      socket.close();
      void this.#open(true);
      return;
    }
    const keepsToken = typeof this.token === "string" && TOKEN_CLOSE_CODES.has(code);
    // The position can be changed here: without it the snapshot comes.
    const isRefused = keepsToken || (isTerminal && !(code === BAD_REQUEST && this.#position.forget()));
    const wantsToken = TOKEN_CLOSE_CODES.has(code) && (code !== NOT_ALLOWED || this.token != null);
    let delayMs = reconnectDelay(this.reconnectDelayMs, DEFAULTS.reconnectDelayMs);
    if (keepsToken) delayMs = Infinity;
    else if (code === TOKEN_EXPIRED) delayMs = this.#delay.afterExpiry(delayMs);
    else if (isRefused) delayMs = Math.max(delayMs, this.#options.refusedDelayMs);
    delayMs = this.#delay.jittered(delayMs);

    const failure = `${code} ${reason}`;
    const end = `gateway: the connection ended with ${failure}`;
    if (keepsToken) console.error(`${end}: it stays so, since the token would be the same`);
    else if (isRefused) console.error(`${end}: change something first`);
    else if (failure !== this.#lastFailure) console.warn(`gateway: no connection (${failure}); it goes on trying`);
    this.#lastFailure = failure;
    const retryAt = delayMs < Infinity ? Date.now() + delayMs : null;
    this.#drop({ phase: isRefused ? "refused" : "lost", code, reason, retryAt, wantsToken }, delayMs);
  }

  /** Drops the attempt or the connection, calls back, and returns its socket. `delayMs`: until the next attempt. */
  #drop(state, delayMs = Infinity) {
    clearTimeout(this.#timer);
    clearInterval(this.#idleTimer);
    this.#position.end((state.code ?? LOST) !== LOST);
    const [socket, wasConnected, before] = [this.#socket, this.#isConnected, this.#state];
    [this.#socket, this.#isConnected, this.#state] = [null, false, state];
    socket?.close(1000);
    // Begun before the callbacks, which may connect immediately.
    if (delayMs < Infinity) this.#timer = setTimeout(() => this.#connect(), delayMs);
    if (socket && !wasConnected) this.#answerWaiting(false);
    if (wasConnected) this.#call("onWebSocketStatusChange", false);
    const isNews = state.phase !== "disconnected" || before.phase !== "disconnected";
    if (isNews && this.#state === state) this.#call("onStateChange", state);
    return socket;
  }

  #answerWaiting(isConnected) {
    for (const resolve of this.#waiting.splice(0)) resolve(isConnected);
  }

  /** Contains whatever a callback throws, or an async one rejects with. */
  async #call(name, argument) {
    try {
      await this[name]?.(argument);
    } catch (error) {
      console.error(`gateway: ${name} threw; the connection goes on`, error);
    }
  }
}

shareMembers(Gateway);
