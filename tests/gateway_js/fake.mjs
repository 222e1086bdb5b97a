// For tests without a server: a scripted socket, and a clock that the test moves.

import { afterEach, beforeEach, mock } from "node:test";

import { Config, Gateway } from "../../simulcast/gateway/gateway.js";

export const DAY = 86_400_000;
export const [sockets, messages, statuses] = [[], [], []];

export class FakeSocket extends EventTarget {
  readyState = 0;
  bufferedAmount = 0;
  protocol = "";
  sent = [];
  constructor(url, protocols) {
    super();
    Object.assign(this, { url, protocols });
    sockets.push(this);
  }
  send(text) {
    this.sent.push(text);
  }
  close() {
    this.readyState = 3;
  }
  open(protocol = "") {
    this.protocol = protocol;
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
    return this;
  }
  deliver(data) {
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }
  end(code = 1006, reason = "") {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
  }
}

export function gateway(options = {}) {
  const onWebSocketMessage = (text) => messages.push(text);
  const onWebSocketStatusChange = (connected) => statuses.push(connected);
  return new Gateway({ url: "ws://host/ws", WebSocket: FakeSocket, onWebSocketMessage, onWebSocketStatusChange, ...options });
}

export const event = (id) => `{"event_id":"${id}","type":"download_progress","download_id":"1","progress":0.5,"speed":1}`;
export const idOf = (text) => JSON.parse(text).event_id;
export const last = () => sockets.at(-1);

beforeEach(() => {
  for (const list of [sockets, messages, statuses]) list.length = 0;
  Object.assign(Config, { serverHost: null, serverPort: null });
  Gateway.WebSocket = null;
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  mock.method(console, "warn", () => {});
  mock.method(console, "error", () => {});
});
afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});
