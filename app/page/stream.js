// In the place of a WebSocket where none can be opened: server-sent events come in, commands go out by REST.

const RESPONSE_TIMEOUT_MS = 10_000;
const LOST = 1006;
/** What a refusal is called on a socket: change something first (simulcast/model/close_codes.py). @type {Readonly<Record<number, number>>} */
const CODES = { 400: 4400, 401: 4401, 403: 4403 };
/** @type {Readonly<Record<number, string>>} */
const REASONS = { 401: "not_allowed", 403: "not_allowed", 404: "unknown_download", 409: "invalid_transition" };

/**
 * Has what the connection needs of a WebSocket. It doesn't come back by itself: the connection does. No EventSource, which
 * can neither show a token nor say why it was refused.
 */
export class Stream extends EventTarget {
  readyState = WebSocket.CONNECTING;
  #ending = new AbortController();
  #downloads;
  #token;

  /**
   * @param {string} address of the events
   * @param {string} downloads address of the list of downloads
   * @param {string} since where to resume; "" for the snapshot
   * @param {import("./token.js").Token} token
   */
  constructor(address, downloads, since, token) {
    super();
    this.#downloads = downloads;
    this.#token = token;
    void this.#read(since ? `${address}?last_event_id=${since}` : address);
  }

  close() {
    this.readyState = WebSocket.CLOSED;
    this.#ending.abort();
  }

  /** @param {string} address */
  async #read(address) {
    let [code, reason] = [LOST, ""];
    try {
      const headers = { ...this.#token.headers, accept: "text/event-stream" };
      const response = await fetch(address, { headers, cache: "no-store", signal: this.#ending.signal });
      if (response.ok && response.body) {
        this.readyState = WebSocket.OPEN;
        this.dispatchEvent(new Event("open"));
        await this.#tellAll(response.body.pipeThrough(new TextDecoderStream()).getReader());
      } else {
        [code, reason] = [CODES[response.status] ?? LOST, await detail(response)];
      }
    } catch {
      // It broke off, or close() ended it.
    }
    this.close();
    this.dispatchEvent(new CloseEvent("close", { code, reason }));
  }

  /**
   * Of each event its data; what type it has is in there, too (HTML standard, §9.2.6; lines end as simulcast/frontend/transport/sse_encoder.py
   * writes them).
   * @param {ReadableStreamDefaultReader<string>} reader
   */
  async #tellAll(reader) {
    let rest = "";
    /** @type {string[]} */
    let data = [];
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("data: ")) data.push(line.slice(6));
        if (line !== "" || data.length === 0) continue;
        this.#tell(data.join("\n"));
        data = [];
      }
    }
  }

  /**
   * The answer comes as a message, as it would on a socket.
   * @param {string} text a command
   */
  send(text) {
    void this.#post(JSON.parse(text));
  }

  /** @param {{action: string, command_id: string, download_id?: string, file?: boolean}} command */
  async #post({ action, download_id: id = "", file = false, command_id: commandId }) {
    const verb = action.split("_")[0];
    const one = `${this.#downloads}/${encodeURIComponent(id)}`;
    const query = `command_id=${encodeURIComponent(commandId)}`;
    const isDeletion = verb === "delete";
    const path = action === "clear_finished" ? `${this.#downloads}/clear` : `${one}/${verb}?${query}`;
    const [address, method] = isDeletion ? [`${one}?file=${file}&${query}`, "DELETE"] : [path, "POST"];
    const outcome = await ask(address, method, this.#token.headers);
    const about = { type: "command_result", action, command_id: commandId, ...(id && { download_id: id }) };
    this.#tell(JSON.stringify({ ...about, ...outcome }));
  }

  /** @param {string} data */
  #tell(data) {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
}

/**
 * @param {string} address
 * @param {string} method
 * @param {Record<string, string>} shown
 * @returns {Promise<{status: string, reason?: string, message?: string}>}
 */
async function ask(address, method, shown) {
  try {
    const headers = { ...shown, "content-type": "application/json" };
    const response = await fetch(address, { method, headers, signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS) });
    if (response.ok) return { status: "accepted" };
    const reason = REASONS[response.status] ?? "unavailable";
    return { status: "rejected", reason, message: await detail(response) };
  } catch {
    return { status: "rejected", reason: "unavailable", message: "the server can't be reached" };
  }
}

/**
 * @param {Response} response a refusal
 * @returns {Promise<string>} why
 */
async function detail(response) {
  const body = await response.json().catch(() => null);
  return typeof body?.detail === "string" ? body.detail : `the server answered ${response.status}`;
}
