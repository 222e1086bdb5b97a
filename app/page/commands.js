// What this page asked the server to do, and what became of it. No DOM, no clock.

/** @typedef {"pause_download" | "resume_download" | "cancel_download" | "retry_download"} Action */

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
};

const ANSWER_WITHIN_MS = 10_000;

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
   * @param {(text: string) => boolean} options.send false when it can't
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
   * @param {string} downloadId
   * @param {number} now ms
   */
  ask(action, downloadId, now) {
    this.#count += 1;
    const commandId = `${this.#prefix}-${this.#count}`;
    if (this.#send(JSON.stringify({ action, download_id: downloadId, command_id: commandId }))) {
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
   */
  take(answer) {
    const downloadId = String(answer.download_id);
    const asked = this.#asked.get(downloadId);
    if (!asked || answer.action !== asked.action) return;
    if (typeof answer.command_id === "string" && answer.command_id !== asked.commandId) return;
    if (answer.status !== "rejected") return; // it is done when the state changes
    const why = [answer.message, answer.reason].find((words) => typeof words === "string" && words !== "");
    this.#fails(downloadId, `${VERBS[asked.action]} was refused: ${why ?? "the server gave no reason"}`);
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
      if (now - at < ANSWER_WITHIN_MS) continue;
      this.#fails(downloadId, `${VERBS[action]}: nothing has happened for ${ANSWER_WITHIN_MS / 1000} s. You may try again.`);
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
