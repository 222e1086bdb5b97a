// Options that are missing, and those that make no sense.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { FakeSocket, gateway, last, sockets } from "./fake.mjs";

const NUMBERS = ["reconnectDelayMs", "refusedDelayMs", "connectTimeoutMs", "idleTimeoutMs", "closeTimeoutMs"];
const HOUR = 3_600_000;

function clock() {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
}

test("an option that is undefined or null has its default", async () => {
  for (const missing of [undefined, null]) {
    for (const name of [...NUMBERS, "subprotocols", "token", "host", "port"]) {
      clock();
      sockets.length = 0;
      const one = gateway({ [name]: missing });
      void one.connectWebSocket();
      await Promise.resolve();
      last().open("simulcast.v1");
      last().end();
      mock.timers.tick(3_900);
      assert.equal(sockets.length, 1, `${name}: ${missing}`);
      mock.timers.tick(2_200);
      await Promise.resolve();
      assert.equal(sockets.length, 2, `${name}: ${missing}`);
      void one.disconnectWebSocket();
    }
  }
});

test("an option that makes no sense is named", () => {
  for (const name of NUMBERS) {
    for (const value of [NaN, -1, -Infinity, "5", "5s", {}, [], true, () => 5, Symbol("x"), 5n]) {
      assert.throws(() => gateway({ [name]: value }), (error) => error instanceof TypeError && error.message.includes(name));
    }
  }
  for (const value of ["simulcast.v1", {}, 5]) assert.throws(() => gateway({ subprotocols: value }), TypeError);
});

test("whatever is assigned to reconnectDelayMs, a server that stays away is contacted rarely", async () => {
  for (const value of [NaN, undefined, null, -5, "x", {}, 0, 1e12, Infinity, HOUR]) {
    clock();
    sockets.length = 0;
    const one = gateway();
    void one.connectWebSocket();
    one.reconnectDelayMs = value;
    for (let ms = 0; ms < 1_000; ms += 1) {
      if (last()?.readyState === 0) last().end();
      mock.timers.tick(1);
      await Promise.resolve();
    }
    assert.ok(sockets.length <= 130, `${String(value)}: ${sockets.length}`);
    void one.disconnectWebSocket();
  }
});

test("no timer is so long that it fires immediately", async () => {
  clock();
  const { setTimeout: plainTimeout, setInterval: plainInterval } = globalThis;
  const delays = [];
  globalThis.setTimeout = (act, ms) => (delays.push(ms), plainTimeout(act, 0));
  globalThis.setInterval = (act, ms) => (delays.push(ms), plainInterval(act, 1_000));
  try {
    const long = Object.fromEntries(NUMBERS.map((name) => [name, 1e15]));
    for (const options of [long, { connectTimeoutMs: Infinity, idleTimeoutMs: Infinity, closeTimeoutMs: Infinity }]) {
      const one = gateway({ ...options, WebSocket: FakeSocket });
      void one.connectWebSocket();
      await Promise.resolve();
      last().open("simulcast.v1");
      last().end(4400);
      void one.disconnectWebSocket();
    }
  } finally {
    Object.assign(globalThis, { setTimeout: plainTimeout, setInterval: plainInterval });
  }
  assert.ok(delays.length > 4 && delays.every((ms) => ms <= 2 ** 31 - 1), String(delays));
});

test("printMessages prints each message without its secrets, and may be set at any time", () => {
  const log = mock.method(console, "log", () => {});
  const one = gateway({ printMessages: true });
  void one.connectWebSocket();
  last().open();
  one.sendWebSocketMessage('{"headers":{"Cookie":"a}b"},"basic":{"user":"ada","password":"p\\"q"},"name":"token"}');
  last().deliver('{"type":"token"}');
  one.printMessages = false;
  last().deliver("Hello");
  assert.deepEqual(log.mock.calls.map((call) => call.arguments[0]), [
    'gateway > {"headers":"…","basic":{"user":"ada","password":"…"},"name":"token"}',
    'gateway < {"type":"token"}',
  ]);
  void one.disconnectWebSocket();
});
