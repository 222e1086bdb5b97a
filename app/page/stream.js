// In the place of a WebSocket where none can be opened: server-sent events come in, commands go out by REST.

const ANSWER_WITHIN_MS = 10_000;
const LOST = 1006;
/** What /ws tells those who speak simulcast.v1 has types of its own here. */
const TYPES = ["message", "hello", "position"];
/** @type {Readonly<Record<number, string>>} */
const REASONS = { 404: "unknown_download", 409: "invalid_transition" };

/** Has what the connection needs of a WebSocket. It doesn't come back by itself: the connection does. */
export class Stream extends EventTarget {
  #source;
  #downloads;

  /**
   * @param {string} address of the events
   * @param {string} downloads address of the list of downloads
   * @param {string} since where to resume; "" for the snapshot
   */
  constructor(address, downloads, since) {
    super();
    this.#downloads = downloads;
    this.#source = new EventSource(since ? `${address}?last_event_id=${since}` : address);
    this.#source.addEventListener("open", () => this.dispatchEvent(new Event("open")));
    for (const type of TYPES) this.#source.addEventListener(type, ({ data }) => this.#tell(data));
    this.#source.addEventListener("error", () => {
      this.close();
      this.dispatchEvent(new CloseEvent("close", { code: LOST }));
    });
  }

  /** As that of a WebSocket. */
  get readyState() {
    return this.#source.readyState === EventSource.CLOSED ? WebSocket.CLOSED : this.#source.readyState;
  }

  close() {
    this.#source.close();
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
    const outcome = await ask(isDeletion ? `${one}?file=${file}&${query}` : path, isDeletion ? "DELETE" : "POST");
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
 * @param {"POST" | "DELETE"} method
 * @returns {Promise<{status: string, reason?: string, message?: string}>}
 */
async function ask(address, method) {
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch(address, { method, headers, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    if (response.ok) return { status: "accepted" };
    const body = await response.json().catch(() => null);
    const message = typeof body?.detail === "string" ? body.detail : `the server answered ${response.status}`;
    return { status: "rejected", reason: REASONS[response.status] ?? "unavailable", message };
  } catch {
    return { status: "rejected", reason: "unavailable", message: "the server can't be reached" };
  }
}
