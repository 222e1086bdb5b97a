// The token: sent with the subprotocol, renewed when it expires, never logged.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { gateway, last, sockets, statuses } from "./fake.mjs";

const settled = () => new Promise(setImmediate);

test("a text is offered as a subprotocol", () => {
  void gateway({ token: "a.b.c" }).connectWebSocket();
  assert.deepEqual(last().protocols, ["simulcast.v1", "bearer.a.b.c"]);
});

test("without one simulcast.v1 alone is offered", () => {
  void gateway().connectWebSocket();
  assert.deepEqual(last().protocols, ["simulcast.v1"]);
});

test("a function is called at each attempt, and immediately when the token has expired", async () => {
  let calls = 0;
  const one = gateway({ token: async () => `t${++calls}`, reconnectDelayMs: 3_600_000 });
  void one.connectWebSocket();
  await settled();
  last().open().end(4419, "the token has expired");
  mock.timers.tick(0);
  await settled();
  assert.deepEqual(sockets.map((socket) => socket.protocols[1]), ["bearer.t1", "bearer.t2"]);
});

test("a text that expires or is refused ends it", async () => {
  for (const code of [4401, 4403, 4419]) {
    sockets.length = statuses.length = 0;
    void gateway({ token: "a.b.c" }).connectWebSocket();
    last().open().end(code, "no");
    mock.timers.tick(86_400_000);
    await settled();
    assert.deepEqual([sockets.length, statuses], [1, [true, false]]);
  }
  assert.match(String(console.error.mock.calls.at(-1).arguments[0]), /4419 no: it stays so/);
});

test("a disconnect while the token is fetched lasts", async () => {
  let give;
  const one = gateway({ token: () => new Promise((resolve) => (give = resolve)) });
  const attempted = one.connectWebSocket();
  await one.disconnectWebSocket();
  give("late");
  await settled();
  assert.equal(await attempted, false);
  assert.equal(sockets.length, 0);
});

test("a function that throws is called again after the delay", async () => {
  let calls = 0;
  const one = gateway({
    token: () => {
      if (++calls === 1) throw new Error("no issuer");
      return "a.b.c";
    },
  });
  assert.equal(await one.connectWebSocket(), false);
  mock.timers.tick(6_000);
  await settled();
  assert.deepEqual(last().protocols, ["simulcast.v1", "bearer.a.b.c"]);
});

test("as a message it is sent first, and the server's first message makes the connection", () => {
  void gateway({ token: "a.b.c", authenticateByMessage: true }).connectWebSocket();
  assert.deepEqual(last().protocols, ["simulcast.v1"]);
  last().open("simulcast.v1");
  assert.deepEqual(last().sent, ['{"action":"authenticate","token":"a.b.c"}']);
  assert.deepEqual(statuses, []);
  last().deliver('{"type":"hello","channel":"downloads","position":"7-1","recovered":false,"ping_interval_s":20.0}');
  assert.deepEqual(statuses, [true]);
});

test("without a first message the attempt ends, and without a token none is sent", () => {
  const one = gateway({ token: "a.b.c", authenticateByMessage: true });
  void one.connectWebSocket();
  last().open("simulcast.v1");
  mock.timers.tick(10_000);
  assert.equal(last().readyState, 3);
  one.token = null;
  mock.timers.tick(6_000);
  last().open("simulcast.v1");
  assert.deepEqual([last().sent, statuses], [[], [true]]);
});
