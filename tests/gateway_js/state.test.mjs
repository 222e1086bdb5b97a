// The connection's state, the hello of a channel, and the network that goes and comes back.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { DAY, event, gateway, idOf, last, messages, sockets } from "./fake.mjs";

const HELLO = '{"type":"hello","channel":"downloads","position":"7-9","recovered":false,"ping_interval_s":20.0}';

/** A network and a person: events of the window and the document. */
function browser() {
  const [network, person] = [new EventTarget(), new EventTarget()];
  person.visibilityState = "visible";
  person.removeEventListener = mock.fn(person.removeEventListener);
  globalThis.addEventListener = network.addEventListener.bind(network);
  globalThis.removeEventListener = mock.fn(network.removeEventListener.bind(network));
  globalThis.document = person;
  return { network, person };
}

function noBrowser() {
  for (const name of ["addEventListener", "removeEventListener", "document"]) delete globalThis[name];
}

test("each change of state is reported, with the reason of a loss and the time of the next attempt", () => {
  mock.method(Math, "random", () => 0.5);
  const states = [];
  const one = gateway({ onStateChange: (state) => states.push(state) });
  void one.connectWebSocket();
  last().open("simulcast.v1");
  const now = Date.now();
  last().end(1012, "restarting");
  assert.ok(Math.abs(states[2].retryAt - now - 5_000) < 1_000);
  delete states[2].retryAt;
  mock.timers.tick(6_000);
  last().open().end(1008, "no");
  void one.disconnectWebSocket();
  void one.disconnectWebSocket();
  delete states[5].retryAt;
  assert.deepEqual(states, [
    { phase: "connecting" },
    { phase: "connected", transport: "websocket" },
    { phase: "lost", code: 1012, reason: "restarting", wantsToken: false },
    { phase: "connecting" },
    { phase: "connected", transport: "websocket" },
    { phase: "refused", code: 1008, reason: "no", wantsToken: false },
    { phase: "disconnected" },
  ]);
});

test("with an infinite delay a refusal is final until somebody connects", () => {
  const states = [];
  const one = gateway({ refusedDelayMs: Infinity, onStateChange: (state) => states.push(state) });
  void one.connectWebSocket();
  last().open().end(4403, "not this page");
  mock.timers.tick(DAY);
  assert.equal(sockets.length, 1);
  assert.deepEqual(states.at(-1), { phase: "refused", code: 4403, reason: "not this page", retryAt: null, wantsToken: false });
  void one.connectWebSocket();
  last().open().end(4401, "");
  assert.equal(states.at(-1).wantsToken, true);
});

test("a callback that connects at a loss is not followed by the loss's state", () => {
  const phases = [];
  const one = gateway({ onStateChange: ({ phase }) => phases.push(phase) });
  one.onWebSocketStatusChange = (connected) => connected || void one.connectWebSocket();
  void one.connectWebSocket();
  last().open().end();
  assert.deepEqual(phases, ["connecting", "connected", "connecting"]);
});

test("a hello is reported, and its position counts once a close frame shows that all before it has come", () => {
  const hellos = [];
  void gateway({ onHello: (hello) => hellos.push(hello) }).connectWebSocket();
  last().open("simulcast.v1").deliver(HELLO);
  assert.deepEqual(hellos, [JSON.parse(HELLO)]);
  mock.timers.tick(30_000); // the network is gone, and what the hello announced with it
  last().end();
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host/ws");
  last().open("simulcast.v1").deliver(HELLO);
  last().end(1012);
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host/ws?since=7-9");
  assert.deepEqual(messages, []);
});

test("a hello counts neither after silence nor behind an event nor in several channels", () => {
  void gateway().connectWebSocket();
  last().open("simulcast.v1").deliver(HELLO);
  mock.timers.tick(50_000);
  mock.timers.tick(6_000);
  assert.equal(sockets.length, 2);
  assert.equal(last().url, "ws://host/ws");
  last().open("simulcast.v1").deliver(HELLO);
  last().deliver(event("7-3"));
  last().end(1012);
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host/ws?since=7-3");
  void gateway({ url: "ws://host/ws?channel=a&channel=b" }).connectWebSocket();
  last().open("simulcast.v1").deliver(HELLO);
  last().end(1012);
  mock.timers.tick(6_000);
  assert.ok(sockets.every(({ url }) => !url.includes("7-9")));
});

test("a hello of a channel that was subscribed to later says nothing about the first one", () => {
  void gateway().connectWebSocket();
  last().open("simulcast.v1").deliver(HELLO);
  last().deliver(event("7-12"));
  last().deliver(HELLO.replace("7-9", "7-99"));
  last().end(1012);
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host/ws?since=7-12");
});

test("a position that is refused is forgotten, and what came before it is still a repeat", () => {
  void gateway().connectWebSocket();
  last().open().deliver(event("7-3"));
  last().end(4400, "since is no position");
  assert.equal(console.error.mock.callCount(), 0);
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host/ws");
  last().open().deliver(event("7-2"));
  last().deliver(event("7-4"));
  assert.deepEqual(messages.map(idOf), ["7-3", "7-4"]);
});

test("repeats of a snapshot are delivered where they are wanted", () => {
  void gateway({ deliverRepeats: true }).connectWebSocket();
  last().open().deliver(event("7-3"));
  last().end();
  mock.timers.tick(6_000);
  last().open().deliver(event("7-3"));
  assert.deepEqual(messages.map(idOf), ["7-3", "7-3"]);
  last().end();
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host/ws?since=7-3");
});

test("a connection from before the network went is replaced, and a lost one tried when the person comes back", () => {
  const { network, person } = browser();
  try {
    const one = gateway();
    void one.connectWebSocket();
    last().open();
    network.dispatchEvent(new Event("online"));
    assert.equal(sockets.length, 1);
    network.dispatchEvent(new Event("offline"));
    network.dispatchEvent(new Event("online"));
    assert.equal(sockets.length, 2);
    assert.equal(sockets[0].readyState, 3);
    last().open().end();
    person.visibilityState = "hidden";
    person.dispatchEvent(new Event("visibilitychange"));
    assert.equal(sockets.length, 2);
    person.visibilityState = "visible";
    person.dispatchEvent(new Event("visibilitychange"));
    assert.equal(sockets.length, 3);
    last().open().end(1008);
    for (const type of ["offline", "online"]) network.dispatchEvent(new Event(type));
    person.dispatchEvent(new Event("visibilitychange"));
    assert.equal(sockets.length, 3); // refused: the server would refuse again
    void one.disconnectWebSocket();
  } finally {
    noBrowser();
  }
});

test("back online, it doesn't wait for the next attempt's time, and once disconnected it stays so", () => {
  const { network, person } = browser();
  try {
    const one = gateway();
    void one.connectWebSocket();
    last().open().end();
    network.dispatchEvent(new Event("online"));
    assert.equal(sockets.length, 2);
    void one.disconnectWebSocket();
    for (const type of ["offline", "online"]) network.dispatchEvent(new Event(type));
    person.dispatchEvent(new Event("visibilitychange"));
    assert.equal(sockets.length, 2);
    assert.deepEqual(globalThis.removeEventListener.mock.calls.map((call) => call.arguments[0]), ["online", "offline"]);
    assert.equal(person.removeEventListener.mock.callCount(), 1);
  } finally {
    noBrowser();
  }
});
