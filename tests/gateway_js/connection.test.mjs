// Connecting, receiving, sending, disconnecting, and the callbacks.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { DAY, event, gateway, idOf, last, messages, sockets, statuses } from "./fake.mjs";

test("an attempt that is not answered ends after 10 s, and the next one follows", async () => {
  const one = gateway();
  const attempted = one.connectWebSocket();
  mock.timers.tick(10_000);
  assert.equal(await attempted, false);
  assert.equal(last().readyState, 3);
  mock.timers.tick(6_000);
  assert.equal(sockets.length, 2);
  sockets[0].open(); // too late: there is no listener
  assert.deepEqual(statuses, []);
});

test("an attempt that has an error and no close, as in Node 20, ends all the same", async () => {
  const one = gateway();
  const attempted = one.connectWebSocket();
  last().dispatchEvent(new Event("error"));
  mock.timers.tick(0);
  assert.equal(await attempted, false);
  mock.timers.tick(6_000);
  assert.equal(sockets.length, 2);
});

test("a callback that throws or rejects harms nothing", async () => {
  const throws = (calls) => (value) => {
    calls.push(value);
    throw new Error("of the user's own making");
  };
  const rejects = (calls) => async (value) => throws(calls)(value);
  for (const bad of [throws, rejects]) {
    messages.length = statuses.length = 0;
    console.error.mock.resetCalls();
    const one = gateway({ onWebSocketMessage: bad(messages), onWebSocketStatusChange: bad(statuses) });
    void one.connectWebSocket();
    last().open();
    for (const text of ["one", "two"]) last().deliver(text);
    last().end();
    mock.timers.tick(6_000);
    last().open();
    await new Promise(setImmediate);
    assert.deepEqual([messages, statuses], [["one", "two"], [true, false, true]]);
    const ours = console.error.mock.calls.filter((call) => String(call.arguments[0]).startsWith("gateway: on"));
    assert.equal(ours.length, 5); // Node warns of its own timers too
  }
});

test("a callback may disconnect, and gets nothing more", () => {
  const one = gateway();
  one.onWebSocketMessage = (text) => {
    messages.push(text);
    void one.disconnectWebSocket();
  };
  void one.connectWebSocket();
  last().open();
  for (const id of ["7-1", "7-2"]) last().deliver(event(id));
  assert.deepEqual(messages.map(idOf), ["7-1"]);
  assert.deepEqual(statuses, [true, false]);
  void one.connectWebSocket();
  assert.equal(last().url, "ws://host/ws?since=7-1");
});

test("a callback of a loss may connect immediately, or disconnect for good", async () => {
  const one = gateway();
  let then = () => one.connectWebSocket();
  one.onWebSocketStatusChange = (connected) => {
    statuses.push(connected);
    if (!connected) return then();
  };
  void one.connectWebSocket();
  last().open().end();
  assert.equal(sockets.length, 2);
  last().open();
  mock.timers.tick(DAY);
  assert.equal(sockets.length, 2);
  last().readyState = 2; // it is closing, and connecting by hand lets go of it: one new socket, not two
  assert.equal(one.isWebSocketConnected, false);
  void one.connectWebSocket();
  assert.equal(sockets.length, 3);
  then = () => one.disconnectWebSocket();
  last().open().readyState = 2;
  assert.equal(await one.connectWebSocket(), false);
  mock.timers.tick(DAY);
  assert.equal(sockets.length, 3);
  assert.deepEqual(statuses, [true, false, true, false, true, false]);
});

test("a callback of a loss may disconnect for good", () => {
  const one = gateway({ onWebSocketStatusChange: (connected) => connected || void one.disconnectWebSocket() });
  void one.connectWebSocket();
  last().open().end();
  mock.timers.tick(DAY);
  assert.equal(sockets.length, 1);
});

test("connecting many times simultaneously makes one connection", async () => {
  const one = gateway();
  const all = [1, 2, 3].map(() => one.connectWebSocket());
  last().open();
  assert.deepEqual(await Promise.all([...all, one.connectWebSocket()]), [true, true, true, true]);
  assert.equal(sockets.length, 1);
  assert.deepEqual(statuses, [true]);
});

test("after a disconnect nothing reconnects, in whatever state it was", async () => {
  for (const state of ["attempting", "connected", "waiting"]) {
    const one = gateway();
    const attempted = one.connectWebSocket();
    if (state !== "attempting") last().open();
    if (state === "waiting") last().end();
    await one.disconnectWebSocket();
    assert.equal(await attempted, state !== "attempting");
    const before = sockets.length;
    last().end();
    mock.timers.tick(DAY);
    assert.equal(sockets.length, before, state);
    assert.equal(one.isWebSocketConnected, false);
  }
  assert.deepEqual(statuses, [true, false, true, false]);
});

test("a disconnect doesn't wait for ever for a server that doesn't answer", async () => {
  const one = gateway();
  void one.connectWebSocket();
  last().close = () => (last().readyState = 2);
  last().open();
  const left = one.disconnectWebSocket();
  mock.timers.tick(2_000);
  await left;
  void one.connectWebSocket();
  last().close = () => (last().readyState = 2);
  await one.disconnectWebSocket(); // an attempt needs no closing handshake
});

test("text goes as it is, an object as JSON, and neither while nothing is connected", () => {
  const one = gateway();
  assert.equal(one.sendWebSocketMessage("before"), false);
  assert.equal(console.warn.mock.callCount(), 1);
  void one.connectWebSocket();
  last().open();
  assert.equal(one.sendWebSocketMessage("Hello from Flutter!"), true);
  assert.equal(one.sendWebSocketMessage({ action: "pause_download", download_id: "é" }), true);
  assert.deepEqual(last().sent, ["Hello from Flutter!", '{"action":"pause_download","download_id":"é"}']);
  assert.throws(() => one.sendWebSocketMessage(undefined), TypeError);
  last().bufferedAmount = 2 ** 20 - 3;
  assert.equal(one.sendWebSocketMessage("éé"), false);
  assert.equal(one.sendWebSocketMessage("é!"), true);
});

test("binary messages are ignored", () => {
  void gateway().connectWebSocket();
  last().open().deliver(new ArrayBuffer(1));
  assert.deepEqual(messages, []);
});
