// How often a server is contacted that refuses, and when it is contacted again.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { parseRetryAfter } from "../../simulcast/gateway/gateway_delay.js";
import { FakeSocket, gateway, last, sockets, statuses } from "./fake.mjs";

const settled = () => new Promise(setImmediate);
const HOUR = 3_600_000;
const WINDOW_MS = 30_000;

/** A clock that the test moves, Date among it. */
function clock() {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
}

/** Connects to a server whose response to `fetch` is this one. */
async function refusedBy(response, then) {
  const { fetch } = globalThis;
  globalThis.fetch = async () => response();
  try {
    await then();
  } finally {
    globalThis.fetch = fetch;
  }
}

test("a server that closes immediately is contacted rarely, whatever its close code", async () => {
  clock();
  for (const token of [null, "a.b.c", () => "a.b.c"]) {
    for (const code of [...Array(16).keys()].map((n) => 1000 + n).concat(3000, 4000, 4400, 4401, 4403, 4419, 4429, 4999)) {
      sockets.length = 0;
      const one = gateway({ token });
      void one.connectWebSocket();
      let attempts = 0;
      for (let ms = 0; ms < WINDOW_MS; ms += 500) {
        // As many attempts as there are without a pause are made here, up to a hundred.
        for (; attempts < 100; mock.timers.tick(0)) {
          await settled();
          if (sockets.length === attempts) break;
          attempts = sockets.length;
          last().open().end(code);
        }
        mock.timers.tick(500);
      }
      void one.disconnectWebSocket();
      assert.ok(attempts <= WINDOW_MS / 4_000 + 2, `${code}: ${attempts} attempts`);
    }
  }
});

test("an expired token is replaced immediately where the connection lived", async () => {
  clock();
  void gateway({ token: () => "a.b.c", reconnectDelayMs: HOUR }).connectWebSocket();
  for (const count of [1, 2, 3]) {
    await settled();
    assert.equal(sockets.length, count);
    last().open();
    mock.timers.tick(3 * HOUR);
    last().end(4419);
    mock.timers.tick(0);
  }
});

test("a token function fails the attempt only, whatever it throws", async () => {
  for (const thrown of [undefined, null, 7, Symbol("s"), Object.create(null), { toString: null }, new Error("no")]) {
    sockets.length = 0;
    const errors = [thrown];
    const one = gateway({ token: () => { if (errors.length) throw errors.pop(); return "a.b.c"; } });
    assert.equal(await one.connectWebSocket(), false);
    mock.timers.tick(6_000);
    await settled();
    assert.equal(sockets.length, 1);
    void one.disconnectWebSocket();
  }
});

test("a callback may throw or return anything", async () => {
  const broken = { get then() { throw new Error("then"); } };
  const deeds = [
    () => { throw undefined; }, () => { throw Object.create(null); }, () => Promise.reject(), () => broken,
    function* () { yield; }, async function* () { throw new Error("later"); },
  ];
  for (const deed of deeds) {
    statuses.length = 0;
    const received = [];
    const one = gateway({ onStateChange: deed, onWebSocketMessage: (text) => { received.push(text); return deed(); } });
    void one.connectWebSocket();
    last().open().deliver("one");
    last().deliver("two");
    await settled();
    assert.deepEqual([received, statuses], [["one", "two"], [true]]);
    void one.disconnectWebSocket();
  }
});

test("the Retry-After of refused server-sent events is waited for", async () => {
  clock();
  const refusal = () => new Response("{}", { status: 503, headers: { "retry-after": "30" } });
  await refusedBy(refusal, async () => {
    const one = gateway({ sseFallback: true });
    void one.connectWebSocket();
    last().end();
    mock.timers.tick(6_000);
    last().end();
    for (let turn = 0; turn < 10; turn++) await settled();
    assert.equal(sockets.length, 2);
    mock.timers.tick(29_000);
    assert.equal(sockets.length, 2);
    mock.timers.tick(7_000);
    await settled();
    assert.equal(sockets.length, 3);
    void one.disconnectWebSocket();
  });
});

test("the Retry-After of an unhealthy server is waited for", async () => {
  clock();
  await refusedBy(() => new Response("", { status: 503, headers: { "retry-after": "30" } }), async () => {
    const one = gateway();
    assert.equal(await one.isServerRunning, false);
    void one.connectWebSocket();
    last().end();
    mock.timers.tick(29_000);
    assert.equal(sockets.length, 1);
    mock.timers.tick(7_000);
    assert.equal(sockets.length, 2);
    void one.disconnectWebSocket();
  });
});

test("a clock that is set back makes no Retry-After longer", async () => {
  clock();
  await refusedBy(() => new Response("", { status: 503, headers: { "retry-after": "30" } }), async () => {
    const [one, { now }] = [gateway(), Date];
    assert.equal(await one.isServerRunning, false);
    void one.connectWebSocket();
    Date.now = () => now() - 2 * HOUR;
    last().end();
    Date.now = now;
    mock.timers.tick(37_000);
    assert.equal(sockets.length, 2);
    void one.disconnectWebSocket();
  });
});

test("a time to come back is seconds or a date, and an hour at most", () => {
  assert.equal(parseRetryAfter(" 7 "), 7_000);
  assert.equal(parseRetryAfter("9".repeat(5_000)), HOUR);
  assert.equal(parseRetryAfter("Fri, 31 Dec 9999 23:59:59 GMT"), HOUR);
  const inAMinute = parseRetryAfter(new Date(Date.now() + 60_000).toUTCString());
  assert.ok(inAMinute > 30_000 && inAMinute <= 60_000);
  for (const header of [null, undefined, "", "soon", "-1", "1e3", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 99 Jan 2026"]) {
    assert.equal(parseRetryAfter(header), 0, String(header));
  }
});
