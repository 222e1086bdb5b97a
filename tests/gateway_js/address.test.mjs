// The address and the class that it connects with.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { mock, test } from "node:test";

import { Config, Gateway } from "../../simulcast/gateway/gateway.js";
import { FakeSocket, gateway, last, sockets } from "./fake.mjs";

test("in Node it connects to localhost:8080, unless Config or the options name another server", () => {
  const address = (options) => {
    const one = gateway({ url: undefined, ...options });
    void one.connectWebSocket();
    void one.disconnectWebSocket();
    return last().url;
  };
  assert.equal(address({}), "ws://localhost:8080/ws");
  Config.serverPort = 9000;
  assert.equal(address({}), "ws://localhost:9000/ws");
  Config.serverHost = "::1";
  assert.equal(address({}), "ws://[::1]:9000/ws");
  assert.equal(address({ host: "example.org", port: 1 }), "ws://example.org:1/ws");
  assert.equal(address({ url: "wss://host/x/ws?a=%20b#part" }), "wss://host/x/ws?a=%20b");
});

test("in a page it connects to ws next to it, as secure as the page", () => {
  const address = (href, options) => {
    globalThis.location = { href };
    try {
      const one = gateway({ url: undefined, ...options });
      void one.connectWebSocket();
      void one.disconnectWebSocket();
      return last().url;
    } finally {
      delete globalThis.location;
    }
  };
  assert.equal(address("http://host:81/some/where/?q=1#part"), "ws://host:81/some/where/ws");
  assert.equal(address("https://host/index.html"), "wss://host/ws");
  assert.equal(address("https://host/a/b", { url: "/c/ws?interval_ms=100" }), "wss://host/c/ws?interval_ms=100");
  assert.equal(address("https://host/a/b", { port: 9000 }), "wss://host:9000/ws");
  assert.equal(address("file:///a/b"), "ws://localhost:8080/ws");
});

test("an address that makes no sense is an error that names it", async () => {
  for (const url of ["http://host/ws", "/ws", "", "ws://"]) assert.throws(() => gateway({ url }), TypeError, url);
  Config.serverHost = "no host";
  await assert.rejects(gateway({ url: undefined }).connectWebSocket(), TypeError);
});

test("an address that stops making sense is tried again", () => {
  const one = gateway({ url: undefined });
  void one.connectWebSocket();
  last().open();
  Config.serverHost = "no host";
  last().end();
  mock.timers.tick(6_000);
  assert.equal(sockets.length, 1);
  Config.serverHost = "host";
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host:8080/ws");
});

test("without a WebSocket class it says what to do, and one may be injected", async () => {
  const global = globalThis.WebSocket;
  globalThis.WebSocket = undefined;
  try {
    await assert.rejects(new Gateway().connectWebSocket(), /Gateway\.WebSocket/);
    Gateway.WebSocket = FakeSocket;
    void new Gateway().connectWebSocket();
    assert.equal(sockets.length, 1);
  } finally {
    globalThis.WebSocket = global;
  }
});

test("a class that throws is a failed attempt", async () => {
  const Throws = function () {
    throw new Error("a page by https may not connect to ws");
  };
  assert.equal(await gateway({ WebSocket: Throws }).connectWebSocket(), false);
});

test("the declarations name all members that there are", async () => {
  const declared = await readFile(new URL("../../simulcast/gateway/gateway.d.ts", import.meta.url), "utf8");
  const ofPrototypes = [Gateway.prototype, Object.getPrototypeOf(Gateway.prototype)].map(Object.getOwnPropertyNames);
  const own = [...ofPrototypes.flat(), ...Object.keys(new Gateway())];
  const statics = Object.getOwnPropertyNames(Gateway).filter((name) => !["length", "name", "prototype"].includes(name));
  const [, ofOne, ofClass] = declared.match(/interface Gateway \{\n(.*?)^\}(?:.*?)const Gateway: Gateway & \{\n(.*?)^\}/ms);
  const members = (text) => [...text.matchAll(/^  (?:readonly )?(\w+)/gm)].map((match) => match[1]);
  assert.deepEqual(members(ofOne).sort(), [...new Set(own)].filter((name) => name !== "constructor").sort());
  assert.deepEqual(members(ofClass).filter((name) => name !== "new"), ["WebSocket"]);
  assert.deepEqual(statics.filter((name) => name !== "WebSocket").sort(), members(ofOne).sort());
});
