// What this page asked the server to do, and what became of it. No DOM, no clock.

/**
 * @typedef {"pause_download" | "resume_download" | "cancel_download" | "retry_download" | "delete_download"
 *   | "clear_finished"} Action
 */

/**
 * @typedef {object} Asked
 * @property {string} commandId
 * @property {Action} action
 * @property {number} at when it was sent, ms
 */

/** The verb of each action, for buttons and for what is said about it. @type {Readonly<Record<Action, string>>} */
export const VERBS = {
  pause_download: "Pause",
  resume_download: "Resume",
  cancel_download: "Cancel",
  retry_download: "Retry",
  delete_download: "Delete",
  clear_finished: "Clear finished",
};

const RESPONSE_TIMEOUT_MS = 10_000;

/** What is asked of no single download is kept under this id. */
export const ALL = "";

/** At most one open command and one note for each download; both end with its next change of state. */
export class Commands {
  /** @type {Map<string, Asked>} */
  #asked = new Map();
  /** @type {Map<string, string>} */
  #notes = new Map();
  #prefix = `page-${Math.random().toString(36).slice(2, 12)}`;
  #count = 0;
  #send;
  #onChange;

  /**
   * @param {object} options
   * @param {(command: object) => boolean} options.send false when it can't
   * @param {(downloadId: string, note: string) => void} options.onChange note: what is new and should be said, or ""
   */
  constructor({ send, onChange }) {
    this.#send = send;
    this.#onChange = onChange;
  }

  /**
   * @param {string} downloadId
   * @returns {string} what went wrong with the last command, in words; "" when nothing did
   */
  noteOf(downloadId) {
    return this.#notes.get(downloadId) ?? "";
  }

  /**
   * @param {string} downloadId
   * @returns {Action | null} what was asked and hasn't happened yet
   */
  askedOf(downloadId) {
    return this.#asked.get(downloadId)?.action ?? null;
  }

  /**
   * @param {Action} action
   * @param {string} downloadId or ALL
   * @param {number} now ms
   * @param {{file?: boolean}} [more] file: a deletion removes its file too
   */
  ask(action, downloadId, now, more = {}) {
    this.#count += 1;
    const commandId = `${this.#prefix}-${this.#count}`;
    const about = downloadId === ALL ? {} : { download_id: downloadId };
    if (this.#send({ action, ...about, ...more, command_id: commandId })) {
      this.#notes.delete(downloadId);
      this.#asked.set(downloadId, { commandId, action, at: now });
      this.#onChange(downloadId, "");
    } else {
      this.#fails(downloadId, `${VERBS[action]}: there is no connection now. Try again when it is back.`);
    }
  }

  /**
   * Takes an answer. One to a question that wasn't asked here is somebody's publication and is ignored.
   * @param {Record<string, unknown>} answer a `command_result`
   * @returns {Asked | null} what is done with this answer, though no state may change
   */
  take(answer) {
    const downloadId = String(answer.download_id ?? ALL);
    const asked = this.#asked.get(downloadId);
    if (!asked || answer.action !== asked.action) return null;
    if (typeof answer.command_id === "string" && answer.command_id !== asked.commandId) return null;
    const { action } = asked;
    const isDone =
      answer.status !== "rejected"
        ? action === "clear_finished" // of a single download an event tells
        : action === "delete_download" && answer.reason === "unknown_download";
    if (isDone) {
      this.settle(downloadId);
      return asked;
    }
    if (answer.status !== "rejected") return null;
    const why = [answer.message, answer.reason].find((words) => typeof words === "string" && words !== "");
    this.#fails(downloadId, `${VERBS[action]} was refused: ${why ?? "the server gave no reason"}`);
    return null;
  }

  /**
   * The state of a download changed, which is what commands are for.
   * @param {string} downloadId
   */
  settle(downloadId) {
    const hadNote = this.#notes.delete(downloadId);
    if (this.#asked.delete(downloadId) || hadNote) this.#onChange(downloadId, "");
  }

  /** @param {number} now ms */
  expire(now) {
    for (const [downloadId, { action, at }] of this.#asked) {
      if (now - at < RESPONSE_TIMEOUT_MS) continue;
      this.#fails(downloadId, `${VERBS[action]}: nothing has happened for ${RESPONSE_TIMEOUT_MS / 1000} s. You may try again.`);
    }
  }

  /** The connection is gone, and with it the answers. */
  lose() {
    for (const [downloadId, { action }] of this.#asked) {
      this.#fails(downloadId, `${VERBS[action]}: the connection was lost before the answer came.`);
    }
  }

  /**
   * @param {string} downloadId
   * @param {string} note
   */
  #fails(downloadId, note) {
    this.#asked.delete(downloadId);
    this.#notes.set(downloadId, note);
    this.#onChange(downloadId, note);
  }
}
