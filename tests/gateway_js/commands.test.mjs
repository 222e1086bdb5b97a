// Calls that await the server's answer.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";

import { CommandRejected, CommandTimeout, Gateway } from "../../simulcast/gateway/gateway.js";
import { event, gateway, last, messages, sockets } from "./fake.mjs";

const FOLDER = new URL("../../docs/contract/", import.meta.url);
const example = (direction, name) => readFileSync(new URL(`${direction}/${name}.json`, FOLDER), "utf8");
const URL_A = "https://example.com/a.iso";
const SENT = {
  "pause_download.by_id": [(one) => one.pause("12345"), "accepted_by_id"],
  "resume_download.by_id": [(one) => one.resume("12345"), "accepted_by_id"],
  "cancel_download.by_id": [(one) => one.cancel("12345"), "accepted_by_id"],
  "retry_download.by_id": [(one) => one.retry("12345"), "accepted_by_id"],
  "delete_download.by_id": [(one) => one.delete("12345"), "accepted_by_id"],
  "delete_download.with_file_by_id": [(one) => one.delete("12345", { file: true }), "accepted_by_id"],
  "limit_download.by_id": [(one) => one.limit("12345", 1_000_000), "accepted_by_id"],
  "relink_download.by_id": [(one) => one.relink("12345", "https://example.org/a.iso?signature=2"), "accepted_by_id"],
  "move_download.by_id": [(one) => one.move("12345", { before: "12346" }), "accepted_by_id"],
  "prioritize_download.by_id": [(one) => one.prioritize("12345", 1), "accepted_by_id"],
  "schedule_download.by_id": [(one) => one.schedule("12345", 1700000000.5), "accepted_by_id"],
  "rename_download.by_id": [(one) => one.rename("12345", "b.iso"), "accepted_by_id"],
  "clear_finished.by_id": [(one) => one.clearFinished(), "accepted_by_id"],
  "cancel_job.by_id": [(one) => one.cancelJob("render-7"), "job_accepted_by_id"],
  "cancel_job.in_channel_by_id": [(one) => one.cancelJob("render-7", { channel: "a" }), "job_in_channel_by_id"],
  "remove_job.by_id": [(one) => one.removeJob("render-7"), "job_accepted_by_id"],
  "add_download.by_id": [(one) => one.add(URL_A, { download_id: "12345" }), "added_by_id", "download"],
  "add_download.with_options": [
    (one) =>
      one.add(URL_A, {
        download_id: "12345", priority: 1, again: true, name: "b.iso", folder: "films/2026", limit_bytes_per_s: 1_000_000, headers: { Cookie: "a=b" },
      }),
    "added_again_by_id",
    "download",
  ],
  "get_download.by_id": [(one) => one.get("12345"), "download_by_id", "download"],
  "publish.with_key": [
    (one) =>
      one.publish({ type: "render", percent: 50 }, { channel: "reports", key: "render:intro", idempotency_key: "5f6e1c", ttl_s: 60 }),
    "published_by_id",
    "published",
  ],
  "subscribe.by_id": [(one) => one.subscribe("a"), "subscribed_by_id"],
  "unsubscribe.by_id": [(one) => one.unsubscribe("a"), "accepted_by_id"],
};

function connected(options) {
  const one = gateway(options);
  void one.connectWebSocket();
  last().open("simulcast.v1");
  return one;
}

const settled = () => new Promise(setImmediate);
const commandId = (text = last().sent.at(-1)) => JSON.parse(text).command_id;
const answer = (name, id = commandId()) => example("from_server", `command_result.${name}`).replace("c-1", id);

for (const [name, [call, answered, member]] of Object.entries(SENT)) {
  test(`${name} is sent as the example, and resolves to the answer`, async () => {
    const one = connected();
    const result = call(one);
    await settled();
    assert.equal(last().sent[0].replace(commandId(), "c-1"), example("from_client", name));
    last().deliver(answer(answered));
    assert.deepEqual(await result, member && JSON.parse(answer(answered))[member]);
    assert.deepEqual(messages, [answer(answered)]);
  });
}

test("each call names the channel that it is given", async () => {
  const one = connected();
  const target = { channel: "a" };
  const calls = [
    one.pause("1", target), one.resume("1", target), one.cancel("1", target), one.retry("1", target), one.limit("1", 5, target),
    one.relink("1", "http://b/", target), one.move("1", "first", target), one.prioritize("1", 2, target), one.schedule("1", null, target), one.rename("1", "b", target), one.delete("1", { file: true, ...target }), one.clearFinished(target),
    one.removeJob("1", target), one.add(URL_A, target), one.get("1", target), one.list(target),
  ];
  await settled();
  assert.deepEqual(last().sent.map((text) => JSON.parse(text).channel), calls.map(() => "a"));
  void one.disconnectWebSocket();
  for (const call of calls) await assert.rejects(call, CommandTimeout);
});

test("a list is read on until it is complete", async () => {
  const one = connected();
  const listed = one.list({ state: "complete", sort: "name", order: "asc", offset: 100, limit: 50 });
  await settled();
  assert.equal(last().sent[0].replace(commandId(), "c-1"), example("from_client", "list_downloads.page"));
  const records = [1, 2, 3].map((id) => ({ download_id: `${id}` }));
  const page = (downloads, next_cursor) => ({
    type: "command_result", status: "accepted", command_id: commandId(), downloads, total: 103, next_cursor, is_complete: true,
  });
  last().deliver(JSON.stringify(page(records.slice(0, 2), "behind-2")));
  await settled();
  const { offset, cursor, limit } = JSON.parse(last().sent[1]);
  assert.deepEqual([offset, cursor, limit], [undefined, "behind-2", 48]);
  last().deliver(JSON.stringify(page(records.slice(2), null)));
  assert.deepEqual(await listed, { downloads: records, total: 103, next_cursor: null, is_complete: true });
});

test("a list of an older server, which has no cursors, is read on by offsets", async () => {
  const one = connected();
  const listed = one.list({ offset: 100, limit: 50 });
  await settled();
  const page = (id) => ({ type: "command_result", status: "accepted", command_id: commandId(), downloads: [{ download_id: id }], total: 102 });
  last().deliver(JSON.stringify(page("1")));
  await settled();
  const { offset, limit } = JSON.parse(last().sent[1]);
  assert.deepEqual([offset, limit], [101, 49]);
  last().deliver(JSON.stringify(page("2")));
  assert.equal((await listed).downloads.length, 2);
});

test("a refusal rejects with its reason", async () => {
  const one = connected();
  const added = one.add(URL_A, { download_id: "12345" });
  await settled();
  last().deliver(answer("conflict_by_id"));
  await assert.rejects(added, (error) => {
    assert.ok(error instanceof CommandRejected);
    const { name, action, reason, downloadId, message } = error;
    assert.deepEqual([name, action, reason, downloadId], ["CommandRejected", "add_download", "conflict", "12345"]);
    return message === "there is a download 12345 already";
  });
});

test("a call outlives a loss under its id, and one without an answer ends", async () => {
  const one = connected();
  const paused = one.pause("1");
  const lost = one.resume("1", { deadlineMs: 30_000 });
  await settled();
  last().end();
  mock.timers.tick(6_000);
  last().open("simulcast.v1");
  assert.deepEqual(last().sent, sockets[0].sent);
  last().deliver(answer("accepted_by_id", commandId(last().sent[0])));
  await paused;
  mock.timers.tick(30_000);
  await assert.rejects(lost, CommandTimeout);
  const given = one.cancel("1");
  await settled();
  void one.disconnectWebSocket();
  await assert.rejects(given, /disconnected before the answer/);
  await assert.rejects(one.cancel("1"), /connectWebSocket\(\) first/);
});

test("a message that the server would not read is an error", async () => {
  const one = connected();
  await assert.rejects(one.relink("1", "x".repeat(4_097)), /use REST/);
  await assert.rejects(one.add("ä".repeat(8_200)), /use REST/);
  assert.deepEqual(last().sent, []);
});

test("onEvent gets what is JSON, parsed, but no answer to a call", async () => {
  const events = [];
  const one = connected({ onEvent: (parsed) => events.push(parsed) });
  const paused = one.pause("12345");
  await settled();
  for (const text of [answer("accepted_by_id"), event("7-1"), "text", "[1]", "null", answer("accepted_by_id", "other")]) {
    last().deliver(text);
  }
  await paused;
  assert.deepEqual(events.map(({ event_id: id, command_id: other }) => id ?? other), ["7-1", "other"]);
});

test("a new connection follows the channels of the last one, from where each was", async () => {
  const one = connected();
  last().deliver(event("7-1"));
  const subscribed = one.subscribe("a");
  await settled();
  last().deliver(answer("subscribed_by_id"));
  await subscribed;
  last().deliver(event("8-5").replace('"type"', '"channel":"a","type"'));
  last().end();
  mock.timers.tick(6_000);
  const query = new URL(last().url).searchParams;
  assert.deepEqual(query.getAll("channel"), ["a", "downloads"]);
  assert.equal(query.get("since"), "downloads:7-1,a:8-5");
  last().open("simulcast.v1");
  messages.length = 0;
  last().deliver(event("7-1").replace('"type"', '"channel":"downloads","type"'));
  assert.deepEqual(messages, []);
  const left = one.unsubscribe("downloads");
  await settled();
  last().deliver(answer("subscribed_by_id").replace('["a","downloads"]', '["a"]'));
  await left;
  last().end();
  mock.timers.tick(6_000);
  last().open("simulcast.v1");
  assert.equal(new URL(last().url).search, "?since=a:8-5&channel=a");
  messages.length = 0;
  for (const id of ["8-5", "8-6"]) last().deliver(event(id));
  assert.deepEqual(messages, [event("8-6")]);
});

test("the class has the same calls", async () => {
  await assert.rejects(Gateway.pause("1"), /connectWebSocket\(\) first/);
});
