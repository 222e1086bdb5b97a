// Reconnecting: its time, its position, and its repeats.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { DAY, event, gateway, idOf, last, messages, sockets, statuses } from "./fake.mjs";

test("a loss is followed by an attempt after 5 s, up to a fifth earlier or later", () => {
  for (const [random, ms] of [[0, 4_000], [0.5, 5_000], [0.9999999, 6_000]]) {
    mock.method(Math, "random", () => random);
    const one = gateway();
    void one.connectWebSocket();
    last().open().end();
    const before = sockets.length;
    mock.timers.tick(ms - 1);
    assert.equal(sockets.length, before, `${ms} ms`);
    mock.timers.tick(1);
    assert.equal(sockets.length, before + 1, `${ms} ms`);
    void one.disconnectWebSocket();
  }
});

test("a server that speaks simulcast.v1 and is silent for 45 s counts as lost", () => {
  void gateway().connectWebSocket();
  assert.deepEqual(last().protocols, ["simulcast.v1"]);
  last().open("simulcast.v1");
  for (let s = 0; s < 100; s += 20) {
    last().deliver(`{"type": "position", "position": "7-${s}"}`);
    mock.timers.tick(20_000);
  }
  assert.deepEqual(statuses, [true]);
  mock.timers.tick(45_000);
  assert.deepEqual(statuses, [true, false]);
  assert.equal(sockets[0].readyState, 3);
});

test("a server that speaks no subprotocol may be silent", () => {
  void gateway({ subprotocols: [] }).connectWebSocket();
  assert.deepEqual(last().protocols, []);
  last().open();
  mock.timers.tick(DAY);
  assert.deepEqual(statuses, [true]);
});

test("the server's marks are no messages, and hold the position to resume from", () => {
  void gateway().connectWebSocket();
  last().open("simulcast.v1");
  last().deliver('{"type":"hello","channel":"downloads","position":"7-9","recovered":false,"ping_interval_s":20.0}');
  last().deliver(event("7-3"));
  last().deliver('{"type":"position","x":1}');
  last().deliver('{"type":"position", broken');
  assert.deepEqual(messages, [event("7-3"), '{"type":"position","x":1}', '{"type":"position", broken']);
  last().end();
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host/ws?since=7-3"); // what hello announced had not all come
  last().open("simulcast.v1").deliver('{"type": "position", "position": "7-12"}');
  last().end();
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host/ws?since=7-12");
});

test("one message of simulcast.v1.joined has many events, and those behind a disconnect come again", () => {
  const one = gateway({ subprotocols: ["simulcast.v1.joined", "simulcast.v1"] });
  one.onEvent = ({ event_id: id }) => id === "7-2" && void one.disconnectWebSocket();
  void one.connectWebSocket();
  const hello = '{"type":"hello","channel":"downloads","position":"7-0","recovered":false,"ping_interval_s":20.0}';
  last().open("simulcast.v1.joined").deliver([hello, event("7-1"), "text", event("7-2"), event("7-3")].join("\x1e"));
  assert.deepEqual(messages, [event("7-1"), "text", event("7-2")]);
  void one.connectWebSocket();
  assert.equal(last().url, "ws://host/ws?since=7-2");
  last().open("simulcast.v1").deliver(`${event("7-3")}\x1e`); // of a server that does not join them
  assert.equal(messages.at(-1), `${event("7-3")}\x1e`);
});

test("what an earlier connection brought is not delivered again, and offsets compare as numbers", () => {
  void gateway({ url: "ws://host/base/ws?interval_ms=100&since=7-1" }).connectWebSocket();
  assert.equal(last().url, "ws://host/base/ws?interval_ms=100&since=7-1");
  last().open();
  for (const id of ["7-5", "7-5", "7-9"]) last().deliver(event(id));
  last().end();
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host/base/ws?interval_ms=100&since=7-9");
  last().open();
  for (const id of ["7-5", "7-9", "7-10", "8-1", "7-8"]) last().deliver(event(id));
  last().deliver("text");
  assert.deepEqual(messages.slice(0, -1).map(idOf), ["7-5", "7-5", "7-9", "7-10", "8-1"]);
  last().end();
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host/base/ws?interval_ms=100&since=8-1");
});

test("each of several channels has its own position", () => {
  const inChannel = (channel, id) => `{"event_id":"${id}","channel":"${channel}","type":"x"}`;
  void gateway({ url: "ws://host/ws?channel=a&channel=b" }).connectWebSocket();
  last().open("simulcast.v1");
  last().deliver(inChannel("a", "7-5"));
  last().deliver(inChannel("b", "7-2"));
  last().deliver('{"type": "position", "position": "7-3", "channel": "b"}');
  last().end();
  mock.timers.tick(6_000);
  assert.equal(new URL(last().url).searchParams.get("since"), "a:7-5,b:7-3");
  last().open("simulcast.v1");
  messages.length = 0;
  for (const [channel, id] of [["a", "7-5"], ["b", "7-3"], ["b", "7-4"]]) last().deliver(inChannel(channel, id));
  assert.deepEqual(messages, [inChannel("b", "7-4")]);
});

test('after a close that means "change something first" it waits a minute and logs it', () => {
  for (const code of [1003, 1007, 1008, 1009, 4400]) {
    const one = gateway();
    void one.connectWebSocket();
    console.error.mock.resetCalls();
    last().open().end(code, "because");
    assert.match(console.error.mock.calls[0].arguments[0], new RegExp(`${code} because`));
    const before = sockets.length;
    mock.timers.tick(47_999);
    assert.equal(sockets.length, before);
    mock.timers.tick(24_001);
    assert.equal(sockets.length, before + 1);
    void one.disconnectWebSocket();
  }
  void gateway({ reconnectDelayMs: DAY }).connectWebSocket();
  last().open().end(1008);
  mock.timers.tick(DAY / 2);
  assert.equal(last().readyState, 3);
});

test("a server that stays away is one warning", () => {
  void gateway().connectWebSocket();
  for (let n = 0; n < 5; n++) {
    last().end();
    mock.timers.tick(6_000);
  }
  assert.equal(sockets.length, 6);
  assert.equal(console.warn.mock.callCount(), 1);
  last().open().end();
  assert.equal(console.warn.mock.callCount(), 2);
});
