// Commands and requests, and the server's answers to them. Python: simulcast/gateway/commands.py, requests.py.

const DEADLINE_MS = 10_000;
const MAX_CHARS = 4_096;
/** Of the commands whose answer has content. */
const MAX_REQUEST_CHARS = 16_384;
const REQUESTS = new Set(["add_download", "get_download", "list_downloads", "publish"]);
const RESULT = '{"type":"command_result"';

/** The server refuses. `reason`: one of those in docs/protocol.md; the message is for people. */
export class CommandRejected extends Error {
  name = "CommandRejected";
  constructor(action, { reason, message, download_id: downloadId = "", job_id: jobId = "" }) {
    super(message);
    Object.assign(this, { action, reason, downloadId, jobId });
  }
}

/** No answer came by the deadline, or there was a disconnect: the command may have been carried out, or may not. */
export class CommandTimeout extends Error {
  name = "CommandTimeout";
}

/** Random text, where the page has no secure context, too. */
export function randomId(bytes = 16) {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The commands without an answer yet. */
export class Commands {
  #pending = new Map(); // command_id → the message, and the function that ends the wait for its answer

  /** Messages to send again on a new connection. By its command_id the server recognises each. */
  get texts() {
    return [...this.#pending.values()].map(({ text }) => text);
  }

  /** Sends a command, now or when there is a connection, and resolves to the answer that accepts it. */
  async request(send, action, target, members, deadlineMs = DEADLINE_MS) {
    const commandId = randomId();
    const text = JSON.stringify({ action, ...target, command_id: commandId, ...members });
    const limit = REQUESTS.has(action) ? MAX_REQUEST_CHARS : MAX_CHARS;
    if (new TextEncoder().encode(text).length > limit) {
      throw new RangeError(`${action}: a message has at most ${limit} bytes: use REST`);
    }
    let timer;
    const answered = new Promise((resolve) => {
      this.#pending.set(commandId, { text, end: resolve });
      timer = setTimeout(resolve, deadlineMs, `no answer within ${deadlineMs} ms`);
    });
    try {
      send(text);
      const answer = await answered;
      if (typeof answer === "string") throw new CommandTimeout(`${action}: ${answer}`);
      if (answer.status !== "accepted") throw new CommandRejected(action, { ...target, ...members, ...answer });
      return answer;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(commandId);
    }
  }

  /** Gives `text` to the command whose answer it is. False if there is none. */
  takeResult(text) {
    if (this.#pending.size === 0 || !text.startsWith(RESULT)) return false;
    const answer = parsedObject(text);
    const command = this.#pending.get(answer?.command_id);
    command?.end(answer);
    return Boolean(command);
  }

  /** Ends all of them: no answer will come. */
  giveUp() {
    for (const { end } of this.#pending.values()) end("disconnected before the answer came");
  }
}

/** Returns the JSON object of a text; null for any other. */
export function parsedObject(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** (action, target, members, deadlineMs): resolves to the answer. */
export const REQUEST = Symbol("request");
/** (channels, added): all channels that the connection follows now. */
export const FOLLOW = Symbol("follow");

/** The methods of a Gateway that await an answer; gateway.d.ts documents them. A subclass has REQUEST and FOLLOW. */
export class CommandMethods {
  pause(id, options) {
    return this.#command("pause_download", { download_id: id }, {}, options);
  }
  resume(id, options) {
    return this.#command("resume_download", { download_id: id }, {}, options);
  }
  cancel(id, options) {
    return this.#command("cancel_download", { download_id: id }, {}, options);
  }
  retry(id, options) {
    return this.#command("retry_download", { download_id: id }, {}, options);
  }
  limit(id, bytesPerS, options) {
    return this.#command("limit_download", { download_id: id }, { bytes_per_s: bytesPerS }, options);
  }
  relink(id, url, options) {
    return this.#command("relink_download", { download_id: id }, { url }, options);
  }
  move(id, position, options) {
    return this.#command("move_download", { download_id: id }, { position }, options);
  }
  prioritize(id, priority, options) {
    return this.#command("prioritize_download", { download_id: id }, { priority }, options);
  }
  schedule(id, startAt, options) {
    return this.#command("schedule_download", { download_id: id }, { start_at: startAt }, options);
  }
  rename(id, name, options) {
    return this.#command("rename_download", { download_id: id }, { name }, options);
  }
  delete(id, { file = false, ...options } = {}) {
    return this.#command("delete_download", { download_id: id }, file ? { file } : {}, options);
  }
  clearFinished(options) {
    return this.#command("clear_finished", {}, {}, options);
  }
  cancelJob(id, options) {
    return this.#command("cancel_job", { job_id: id }, {}, options);
  }
  removeJob(id, options) {
    return this.#command("remove_job", { job_id: id }, {}, options);
  }

  async add(url, { deadlineMs, download_id: id = randomId(8), ...options } = {}) {
    return (await this[REQUEST]("add_download", {}, { url, download_id: id, ...options }, deadlineMs)).download;
  }
  async get(id, { deadlineMs, channel } = {}) {
    return (await this[REQUEST]("get_download", {}, { download_id: id, channel }, deadlineMs)).download;
  }
  async list({ deadlineMs, cursor, offset = 0, limit = 100, ...options } = {}) {
    const downloads = [];
    for (;;) {
      const place = cursor ? { cursor } : { offset: offset + downloads.length };
      const members = { ...options, ...place, limit: limit - downloads.length };
      const answer = await this[REQUEST]("list_downloads", {}, members, deadlineMs);
      const { downloads: records, total, next_cursor = null, is_complete = true } = answer;
      downloads.push(...records);
      const isLast = ("next_cursor" in answer && !next_cursor) || (options.search && !is_complete) || records.length === 0;
      if (isLast || downloads.length >= Math.min(limit, total - offset)) {
        return { downloads, total, next_cursor, is_complete };
      }
      cursor = next_cursor;
    }
  }
  async publish(event, { deadlineMs, channel, key, idempotency_key: once = randomId(8), ...options } = {}) {
    const members = { channel, event, key, idempotency_key: once, ...options };
    return (await this[REQUEST]("publish", {}, members, deadlineMs)).published;
  }
  async subscribe(channel, { since, deadlineMs } = {}) {
    const { channels } = await this[REQUEST]("subscribe", { channel }, { since }, deadlineMs);
    this[FOLLOW](channels ?? [], channel);
  }
  async unsubscribe(channel, { deadlineMs } = {}) {
    const { channels } = await this[REQUEST]("unsubscribe", { channel }, {}, deadlineMs);
    this[FOLLOW](channels ?? [], "");
  }

  async #command(action, target, members, { deadlineMs, channel } = {}) {
    await this[REQUEST](action, target, { ...members, channel }, deadlineMs);
  }
}
