// A stand-in for a WebSocket where a network lets none through: server-sent events in, commands out by REST.

import { queryOf, REQUESTS } from "./gateway_rest.js";

const RESPONSE_TIMEOUT_MS = 10_000;
const LOST = 1006;
/** HTTP status of a refusal → the close code with the same meaning (simulcast/model/close_codes.py). */
const CLOSE_CODES = { 400: 4400, 401: 4401, 403: 4403 };
const REASONS = { 401: "not_allowed", 403: "not_allowed", 404: "unknown_download", 409: "invalid_transition",
  422: "invalid_url" };
/** The member of `PATCH` that stands for a command. */
const CHANGES = { relink_download: "url", move_download: "position", prioritize_download: "priority",
  schedule_download: "start_at", rename_download: "name" };
/** A command with a route of its own. */
const VERB = /^(pause|resume|cancel|retry|limit)_download$/;

/**
 * The part of a WebSocket that a Gateway uses. It never reconnects; the Gateway does. EventSource would not do: it can
 * send no token, and it hides why the server refused.
 */
export class SSEConnection extends EventTarget {
  readyState = 0;
  bufferedAmount = 0;
  protocol = "simulcast.v1"; // its marks are part of the stream
  #downloads;
  #headers;
  #abort = new AbortController();

  /** `address`: of the events, with the query of a WebSocket; `downloads`: of the REST API; `token`: "" for none. */
  constructor(address, downloads, token) {
    super();
    this.#downloads = downloads;
    this.#headers = token ? { authorization: `Bearer ${token}` } : {};
    void this.#read(address);
  }

  close() {
    this.readyState = 3;
    this.#abort.abort();
  }

  /** Sends a command. Its result arrives as a message, as on a WebSocket; text that is no command is ignored, too. */
  send(text) {
    try {
      const command = JSON.parse(text);
      if (typeof command?.action === "string") void this.#post(command);
    } catch {
      // The server ignores text that is no JSON.
    }
  }

  async #read(address) {
    let [code, reason, retryAfter] = [LOST, "", null];
    try {
      const headers = { ...this.#headers, accept: "text/event-stream, application/json" };
      const response = await fetch(address, { headers, cache: "no-store", signal: this.#abort.signal });
      if (response.ok && response.body) {
        this.readyState = 1;
        this.dispatchEvent(new Event("open"));
        await this.#dispatchAll(response.body.pipeThrough(new TextDecoderStream()).getReader());
      } else {
        retryAfter = response.headers.get("retry-after");
        [code, reason] = [CLOSE_CODES[response.status] ?? LOST, await errorDetail(response)];
      }
    } catch {
      // The stream broke, or close() ended it.
    }
    this.close();
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason, retryAfter }));
  }

  /** Dispatches the data of each event, which holds its type, too (HTML standard, §9.2.6; lines end by "\n" here). */
  async #dispatchAll(reader) {
    let rest = "";
    let data = [];
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith("data: ")) data.push(line.slice(6));
        if (line !== "" || data.length === 0) continue;
        this.#dispatch(data.join("\n"));
        data = [];
      }
    }
  }

  async #post(message) {
    const { action, command_id: commandId, ...members } = message;
    if (action in REQUESTS) {
      const answer = await REQUESTS[action]((...request) => this.#request(...request), this.#downloads, members);
      this.#dispatch(JSON.stringify({ type: "command_result", action, command_id: commandId, ...answer }));
    } else await this.#command(message);
  }

  async #command({ action, download_id: id, job_id: jobId, command_id: commandId, channel, file, bytes_per_s: bytesPerS, ...changes }) {
    const one = `${this.#downloads}/${encodeURIComponent(id)}`;
    const query = queryOf({ file: file || undefined, command_id: commandId, channel });
    let result = { status: "rejected", reason: "unavailable", message: `${action} needs a WebSocket` };
    const job = `${this.#downloads.replace(/downloads$/, "jobs")}/${encodeURIComponent(jobId)}`;
    if (action === "cancel_job") result = await this.#request("POST", `${job}/cancel${query}`);
    else if (action === "remove_job") result = await this.#request("DELETE", job + query);
    else if (action === "clear_finished") result = await this.#request("POST", `${this.#downloads}/clear${query}`);
    else if (action === "delete_download") result = await this.#request("DELETE", one + query);
    else if (action in CHANGES) result = await this.#request("PATCH", one + query, { [CHANGES[action]]: changes[CHANGES[action]] });
    else if (VERB.test(action)) {
      result = await this.#request("POST", `${one}/${VERB.exec(action)[1]}${query}`, { bytes_per_s: bytesPerS });
    }
    if (jobId !== undefined && result.reason === "unknown_download") result.reason = "unknown_job";
    const command = { action, download_id: id, job_id: jobId, channel, command_id: commandId };
    this.#dispatch(JSON.stringify({ type: "command_result", ...command, ...result, body: undefined }));
  }

  async #request(method, address, body) {
    try {
      const response = await fetch(address, {
        method,
        headers: { ...this.#headers, "content-type": "application/json" },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
      });
      if (response.ok) return { status: "accepted", body: await response.json() };
      const reason = REASONS[response.status] ?? "unavailable";
      return { status: "rejected", reason, message: await errorDetail(response) };
    } catch {
      return { status: "rejected", reason: "unavailable", message: "the server can't be reached" };
    }
  }

  #dispatch(data) {
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }
}

/** The reason in the body of a response that refuses. */
export async function errorDetail(response) {
  const body = await response.json().catch(() => null);
  return typeof body?.detail === "string" ? body.detail : `the server answered ${response.status}`;
}
