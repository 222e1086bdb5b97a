// Each golden message in docs/contract, as gateway.js receives and sends it, byte by byte.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { gateway, last, messages } from "./fake.mjs";

const FOLDER = new URL("../../docs/contract/", import.meta.url);

function examples(direction) {
  const folder = new URL(`${direction}/`, FOLDER);
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  assert.ok(names.length > 10);
  return names.map((name) => [name, readFileSync(new URL(name, folder), "utf8")]);
}

function connected() {
  const one = gateway();
  void one.connectWebSocket();
  last().open("simulcast.v1");
  return one;
}

/** The `since` of a client that comes back after the message. */
function sinceAfter({ type, event_id, position, channel }) {
  const place = event_id ?? (type === "position" ? position : null);
  return place && channel ? `${channel}:${place}` : place;
}

for (const [name, text] of examples("from_server")) {
  test(`${name} is delivered as it came, unless it is a mark, and says where to resume`, () => {
    const one = connected();
    last().deliver(text);
    const message = JSON.parse(text);
    assert.equal(message.type, name === "other.json" ? "marker" : name.split(".")[0]);
    assert.deepEqual(messages, ["hello", "position"].includes(message.type) ? [] : [text]);
    last().end();
    void one.connectWebSocket();
    assert.equal(new URL(last().url).searchParams.get("since"), sinceAfter(message) ?? null);
  });

  test(`${name} repeats nothing that an earlier connection brought`, () => {
    const one = connected();
    last().deliver(text);
    messages.length = 0;
    last().end();
    void one.connectWebSocket();
    last().open("simulcast.v1").deliver(text);
    const isNews = !("event_id" in JSON.parse(text)) && !/^\{"type":"(hello|position)"/.test(text);
    assert.deepEqual(messages, isNews ? [text] : []);
  });
}

for (const [name, text] of examples("from_client")) {
  test(`${name} is what is sent for its object`, () => {
    const one = connected();
    assert.equal(one.sendWebSocketMessage(JSON.parse(text)), true);
    assert.deepEqual(last().sent, [text]);
  });
}
