// Server-sent events and REST in the place of a WebSocket.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { event, gateway, last, messages, sockets, statuses } from "./fake.mjs";

const settled = () => new Promise(setImmediate);
const STREAM = { status: 200, type: "text/event-stream" };
let requests, answer;

beforeEach(() => {
  [requests, answer] = [[], () => STREAM];
  mock.method(globalThis, "fetch", async (url, { method = "GET", headers, body, signal }) => {
    const stream = new TransformStream();
    const request = { method, url: String(url), headers, body, writer: stream.writable.getWriter() };
    requests.push(request);
    signal.addEventListener("abort", () => void request.writer.abort().catch(() => {}));
    const { status, type, detail, body: content } = answer(request);
    const isStream = type === STREAM.type;
    return new Response(isStream ? stream.readable : JSON.stringify(content ?? { detail }), { status });
  });
});

/** A Gateway whose WebSockets failed twice. */
async function fallenBack(options = {}) {
  const states = [];
  const one = gateway({ sseFallback: true, onStateChange: (state) => states.push(state), ...options });
  void one.connectWebSocket();
  await settled();
  last().end();
  mock.timers.tick(6_000);
  await settled();
  last().end();
  await settled();
  return { one, states };
}

async function deliver(text) {
  await requests[0].writer.write(new TextEncoder().encode(text));
  await settled();
}

test("the second WebSocket that fails is replaced immediately", async () => {
  const { states } = await fallenBack({ url: "ws://host/base/ws?interval_ms=500" });
  assert.deepEqual(requests.map(({ url }) => url), ["http://host/base/events?interval_ms=500"]);
  assert.deepEqual(states.at(-1), { phase: "connected", transport: "sse" });
  assert.deepEqual(statuses, [true]);
  await deliver(`event: hello\ndata: {"type":"hello","channel":"downloads","position":"7-1","recovered":false}\n\n: ping\n`);
  await deliver(`id: 7-2\ndata: ${event("7-2")}\n\ndata: two\nda`);
  await deliver("ta: lines\n\n");
  assert.deepEqual(messages, [event("7-2"), "two\nlines"]);
});

test("without the option it isn't replaced", async () => {
  await fallenBack({ sseFallback: false });
  assert.equal(requests.length, 0);
});

test("a WebSocket that hangs is replaced after half of the time", async () => {
  void gateway({ sseFallback: true }).connectWebSocket();
  mock.timers.tick(5_000);
  await settled();
  assert.equal(requests.length, 1);
  assert.equal(last().readyState, 3);
});

test("failures count from the last WebSocket that opened", async () => {
  void gateway({ sseFallback: true }).connectWebSocket();
  last().end();
  mock.timers.tick(6_000);
  last().open().end();
  mock.timers.tick(6_000);
  last().end();
  await settled();
  assert.equal(requests.length, 0);
});

test("a refusal is no failure of WebSockets", async () => {
  void gateway({ sseFallback: true }).connectWebSocket();
  last().end();
  mock.timers.tick(6_000);
  last().end(1008);
  await settled();
  assert.equal(requests.length, 0);
});

test("after a loss a WebSocket is tried first, and the stream resumes", async () => {
  await fallenBack();
  await deliver(`data: ${event("7-2")}\n\n`);
  await requests[0].writer.close();
  await settled();
  assert.deepEqual(statuses, [true, false]);
  mock.timers.tick(6_000);
  assert.equal(last().url, "ws://host/ws?since=7-2");
  last().end();
  await settled();
  assert.equal(requests[1].url, "http://host/events?since=7-2");
  assert.equal(sockets.length, 3);
});

test("a silent stream counts as lost", async () => {
  await fallenBack();
  mock.timers.tick(50_000);
  assert.deepEqual(statuses, [true, false]);
});

test("the token is a header, and a refusal has its reason", async () => {
  answer = () => ({ status: 401, detail: "the token has expired" });
  const { states } = await fallenBack({ token: "a.b.c" });
  assert.equal(requests[0].headers.authorization, "Bearer a.b.c");
  const refusal = { phase: "refused", code: 4401, reason: "the token has expired", retryAt: null, wantsToken: true };
  assert.deepEqual(states.at(-1), refusal);
});

test("commands of jobs leave by REST, too", async () => {
  const { one } = await fallenBack();
  answer = ({ method }) => (method === "DELETE" ? { status: 404, detail: "there is no job a/b" } : { status: 200 });
  one.sendWebSocketMessage({ action: "cancel_job", job_id: "a/b", command_id: "c" });
  one.sendWebSocketMessage({ action: "remove_job", job_id: "a/b" });
  await settled();
  await settled();
  const asked = requests.slice(1).map(({ method, url }) => `${method} ${new URL(url).pathname}`);
  assert.deepEqual(asked, ["POST /jobs/a%2Fb/cancel", "DELETE /jobs/a%2Fb"]);
  assert.deepEqual(messages.map((text) => JSON.parse(text)), [
    { type: "command_result", action: "cancel_job", job_id: "a/b", command_id: "c", status: "accepted" },
    { type: "command_result", action: "remove_job", job_id: "a/b", status: "rejected", reason: "unknown_job",
      message: "there is no job a/b" },
  ]);
});

test("commands leave by REST and their results are messages", async () => {
  const { one } = await fallenBack({ url: "ws://host/base/ws?interval_ms=500", token: () => "a.b.c" });
  await settled();
  const command = (action, members = {}) => one.sendWebSocketMessage({ action, command_id: "c 1", ...members });
  answer = () => ({ status: 200 });
  assert.equal(command("pause_download", { download_id: "a/b" }), true);
  command("delete_download", { download_id: "a", file: true });
  command("limit_download", { download_id: "a", bytes_per_s: 1000 });
  command("relink_download", { download_id: "a", url: "http://b/c" });
  command("move_download", { download_id: "a", position: { after: "b" } });
  command("prioritize_download", { download_id: "a", priority: -1 });
  command("schedule_download", { download_id: "a", start_at: null });
  command("rename_download", { download_id: "a", name: "b.iso" });
  command("clear_finished");
  answer = () => ({ status: 409, detail: "it is complete" });
  one.sendWebSocketMessage({ action: "retry_download", download_id: "a" });
  for (const text of ["Hello from Flutter!", "null", "{}"]) assert.equal(one.sendWebSocketMessage(text), true);
  command("subscribe", { channel: "a" });
  await settled();
  await settled();
  assert.deepEqual(requests.slice(1).map(({ method, url, body }) => [method, url.replace("http://host/base/", ""), body]), [
    ["POST", "downloads/a%2Fb/pause?command_id=c+1", "{}"],
    ["DELETE", "downloads/a?file=true&command_id=c+1", undefined],
    ["POST", "downloads/a/limit?command_id=c+1", '{"bytes_per_s":1000}'],
    ["PATCH", "downloads/a?command_id=c+1", '{"url":"http://b/c"}'],
    ["PATCH", "downloads/a?command_id=c+1", '{"position":{"after":"b"}}'],
    ["PATCH", "downloads/a?command_id=c+1", '{"priority":-1}'],
    ["PATCH", "downloads/a?command_id=c+1", '{"start_at":null}'],
    ["PATCH", "downloads/a?command_id=c+1", '{"name":"b.iso"}'],
    ["POST", "downloads/clear?command_id=c+1", undefined],
    ["POST", "downloads/a/retry", "{}"],
  ]);
  assert.ok(requests.every(({ headers }) => headers.authorization === "Bearer a.b.c"));
  const results = messages.map((text) => JSON.parse(text));
  assert.deepEqual(results.filter(({ action }) => action === "pause_download"), [
    { type: "command_result", action: "pause_download", download_id: "a/b", command_id: "c 1", status: "accepted" },
  ]);
  const [retried] = results.filter(({ action }) => action === "retry_download");
  assert.deepEqual([retried.reason, retried.message], ["invalid_transition", "it is complete"]);
  const [subscribed] = results.filter(({ action }) => action === "subscribe");
  assert.deepEqual([subscribed.status, subscribed.message], ["rejected", "subscribe needs a WebSocket"]);
  assert.equal(results.length, 11);
});

test("a server that can't be reached rejects the command", async () => {
  const { one } = await fallenBack();
  answer = () => {
    throw new TypeError("failed to fetch");
  };
  one.sendWebSocketMessage({ action: "pause_download", download_id: "a" });
  await settled();
  assert.deepEqual(JSON.parse(messages[0]).reason, "unavailable");
});

test("add, get, list and publish go by REST", async () => {
  const PAGE = { downloads: [{ download_id: "1" }], total: 1, next_cursor: null, is_complete: true };
  const answers = {
    "POST /downloads": { status: 201, body: { download_id: "1", existing: false } },
    "GET /downloads/a%2Fb": { status: 404, detail: "there is no download a/b" },
    "GET /downloads?state=queued&offset=0&limit=2": { status: 200, body: PAGE },
    "POST /publish": { status: 200, body: { results: [{ event_id: "7-1" }] } },
  };
  const { one } = await fallenBack();
  answer = ({ method, url }) => answers[`${method} ${url.replace("http://host", "")}`] ?? { status: 500 };
  assert.deepEqual(await one.add("https://example.com/a", { download_id: "1" }), { download_id: "1", existing: false });
  assert.deepEqual(JSON.parse(requests.at(-1).body), { url: "https://example.com/a", download_id: "1" });
  await assert.rejects(one.get("a/b"), { reason: "unknown_download", message: "there is no download a/b" });
  assert.deepEqual(await one.list({ state: "queued", limit: 2 }), PAGE);
  assert.equal(await one.publish({ n: 1 }, { channel: "c", idempotency_key: "k" }), "7-1");
  assert.deepEqual(JSON.parse(requests.at(-1).body), { items: [{ channel: "c", event: { n: 1 }, idempotency_key: "k" }] });
  answers["POST /publish"] = { status: 200, body: { results: [{ error: "not_allowed", detail: "no" }] } };
  await assert.rejects(one.publish({ n: 1 }), { reason: "not_allowed", message: "no" });
  answers["POST /downloads"] = { status: 409, detail: "there is a download 1 already" };
  await assert.rejects(one.add("https://example.com/b", { download_id: "1" }), { reason: "conflict" });
  await assert.rejects(one.subscribe("a"), { reason: "unavailable" });
  const cancelled = one.cancelJob("render-7", { channel: "a b" });
  await assert.rejects(cancelled, { reason: "unavailable" });
  assert.match(requests.at(-1).url, /\/jobs\/render-7\/cancel\?command_id=[0-9a-f]{32}&channel=a\+b$/);
  await assert.rejects(one.list({ limit: -1 }), { reason: "unavailable" });
});

test("each request by REST names the channel that it is given", async () => {
  const { one } = await fallenBack();
  answer = () => ({ status: 500 });
  const target = { channel: "a", deadlineMs: 1_000 };
  for (const call of [
    () => one.pause("1", target), () => one.limit("1", 5, target), () => one.relink("1", "http://b/", target),
    () => one.delete("1", { file: true, ...target }), () => one.clearFinished(target), () => one.removeJob("1", target),
    () => one.add("http://b/", target), () => one.get("1", target), () => one.list({ state: undefined, ...target }),
  ]) {
    await assert.rejects(call(), { reason: "unavailable" });
    const { searchParams } = new URL(requests.at(-1).url);
    assert.equal(searchParams.get("channel"), "a");
    assert.equal(searchParams.get("state"), null);
    assert.ok(!(requests.at(-1).body ?? "").includes("channel"));
  }
});
