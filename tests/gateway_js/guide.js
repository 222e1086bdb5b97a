// The guide of the Flutter class, snippet by snippet, in JavaScript: test_guide.py runs each in Node and in Chromium
// against the real server. `world` is what a test may do to that server (tests/controlled_server.py).

import { Config, Gateway } from "../../simulcast/gateway/gateway.js";

const DEADLINE_MS = 20_000;

async function until(condition, what) {
  const end = Date.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function equal(actual, expected) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
}

const progress = (n) => ({ type: "download_progress", download_id: "12345", progress: n / 100, speed: 1024000 });
const complete = { type: "download_complete", download_id: "12345", file_path: "/downloads/a.iso" };

/** Records the calls of both callbacks. `events`: each text, parsed, without the members that the server adds. */
function listen(gateway) {
  const calls = { texts: [], statuses: [], events: () => calls.texts.map(eventOf) };
  gateway.onWebSocketMessage = (text) => calls.texts.push(text);
  gateway.onWebSocketStatusChange = (connected) => calls.statuses.push(connected);
  return calls;
}

function eventOf(text) {
  const { event_id, ...event } = JSON.parse(text);
  return event;
}

export const guide = {
  "Config says where the server is and init connects": async (world) => {
    Config.serverHost = "127.0.0.1";
    Config.serverPort = world.port;
    const { statuses } = listen(Gateway);
    equal(Gateway.isWebSocketConnected, false);
    await Gateway.init();
    equal(Gateway.isWebSocketConnected, true);
    equal(statuses, [true]);
  },

  "onWebSocketMessage gets the text of each event": async (world) => {
    const calls = listen(Gateway);
    await Gateway.init();
    await world.publish(progress(75));
    await world.publish(complete);
    await until(() => calls.texts.length === 2, "both events");
    equal(calls.events(), [progress(75), complete]);
    equal(calls.texts[0].includes('"progress":0.75,"speed":1024000}'), true);
  },

  "sendWebSocketMessage sends text that is ignored and commands that are answered": async () => {
    const calls = listen(Gateway);
    equal(Gateway.sendWebSocketMessage("Hello from Flutter!"), false); // not connected yet
    await Gateway.init();
    equal(Gateway.sendWebSocketMessage("Hello from Flutter!"), true);
    equal(Gateway.sendWebSocketMessage({ action: "pause_download", download_id: "12345" }), true);
    await until(() => calls.texts.length === 1, "the answer");
    const { type, download_id, status, reason } = JSON.parse(calls.texts[0]);
    equal([type, download_id, status, reason], ["command_result", "12345", "rejected", "unknown_download"]);
  },

  "isServerRunning says whether it runs": async (world) => {
    equal(await Gateway.isServerRunning, true);
    await world.kill();
    equal(await Gateway.isServerRunning, false);
  },

  "a connection that was lost comes back, misses nothing and repeats nothing": async (world) => {
    Gateway.reconnectDelayMs = 50;
    const calls = listen(Gateway);
    await Gateway.init();
    await world.publish(progress(10));
    await until(() => calls.texts.length === 1, "the first event");
    await world.kill();
    await until(() => !Gateway.isWebSocketConnected, "the loss");
    await world.publish({ type: "meanwhile", n: 1 });
    await world.publish({ type: "meanwhile", n: 2 });
    await world.start();
    await until(() => calls.texts.length === 3, "what was missed");
    await world.publish(complete);
    await until(() => calls.texts.length === 4, "what follows");
    equal(calls.events(), [progress(10), { type: "meanwhile", n: 1 }, { type: "meanwhile", n: 2 }, complete]);
    equal(calls.statuses, [true, false, true]);
  },

  "a server that comes later gets its client": async (world) => {
    await world.kill();
    Gateway.reconnectDelayMs = 50;
    const { statuses } = listen(Gateway);
    await Gateway.init();
    equal([Gateway.isWebSocketConnected, statuses], [false, []]);
    await world.start();
    await until(() => Gateway.isWebSocketConnected, "the connection");
    equal(statuses, [true]);
  },

  "disconnectWebSocket disconnects for good": async (world) => {
    Gateway.reconnectDelayMs = 1;
    const calls = listen(Gateway);
    await Gateway.init();
    await Gateway.disconnectWebSocket();
    equal([Gateway.isWebSocketConnected, calls.statuses], [false, [true, false]]);
    await until(async () => (await world.clients()) === 0, "the server's count");
    const other = new Gateway({ host: "127.0.0.1", port: world.port, reconnectDelayMs: 20 }); // the clock
    await other.init();
    await world.kill();
    await world.start();
    await until(() => other.isWebSocketConnected, "the other one's return");
    equal(await world.clients(), 1);
    await other.disconnectWebSocket();
    equal(calls.statuses, [true, false]);
  },

  "connectWebSocket connects by hand and resumes": async (world) => {
    const calls = listen(Gateway);
    await Gateway.init();
    await world.publish({ type: "before" });
    await until(() => calls.texts.length === 1, "the first event");
    await Gateway.disconnectWebSocket();
    const other = new Gateway();
    const seen = listen(other);
    await other.init();
    await world.publish({ type: "meanwhile" });
    await until(() => seen.texts.at(-1)?.includes("meanwhile"), "the server's count");
    await other.disconnectWebSocket();
    equal(await Gateway.connectWebSocket(), true);
    await until(() => calls.texts.length === 2, "what was missed");
    equal(calls.events(), [{ type: "before" }, { type: "meanwhile" }]);
    equal(calls.statuses, [true, false, true]);
  },

  "several gateways stand side by side": async (world) => {
    const url = (query) => `ws://127.0.0.1:${world.port}/ws?${query}`;
    const calls = {};
    const both = new Gateway({ url: url("channel=a&channel=b"), reconnectDelayMs: 50 });
    const one = new Gateway({ url: url("channel=b") });
    for (const [name, gateway] of Object.entries({ both, one })) calls[name] = listen(gateway);
    await Promise.all([both.init(), one.init()]);
    await world.publish({ n: 1 }, "a");
    await world.publish({ n: 2 }, "b");
    await until(() => calls.both.texts.length === 2 && calls.one.texts.length === 1, "the events");
    await both.disconnectWebSocket();
    await world.publish({ n: 3 }, "a");
    await world.publish({ n: 4 }, "b");
    await both.connectWebSocket();
    await until(() => calls.both.texts.length === 4 && calls.one.texts.length === 2, "what was missed");
    equal(calls.both.events().map(({ channel, n }) => channel + n).sort(), ["a1", "a3", "b2", "b4"]);
    equal(calls.one.events(), [{ n: 2 }, { n: 4 }]);
    await Promise.all([both.disconnectWebSocket(), one.disconnectWebSocket()]);
  },
};

/** Runs one of them, and leaves nothing behind. */
export async function run(name, world) {
  Config.serverHost = "127.0.0.1";
  Config.serverPort = world.port;
  try {
    await guide[name](world);
  } finally {
    await Gateway.disconnectWebSocket();
  }
}
