// The commands that this page has sent, and their results. No DOM, no clock.

/**
 * @typedef {"pause_download" | "resume_download" | "cancel_download" | "retry_download" | "delete_download"
 *   | "relink_download" | "cancel_job" | "remove_job" | "clear_finished"} Action
 */

/**
 * @typedef {object} PendingCommand
 * @property {string} commandId
 * @property {Action} action
 * @property {number} at when it was sent, ms
 */

/** The verb of each action, for buttons and notes. @type {Readonly<Record<Action, string>>} */
export const VERBS = {
  pause_download: "Pause",
  resume_download: "Resume",
  cancel_download: "Cancel",
  retry_download: "Retry",
  delete_download: "Delete",
  relink_download: "New link",
  cancel_job: "Cancel",
  remove_job: "Remove",
  clear_finished: "Clear finished",
};

const RESULT_TIMEOUT_MS = 10_000;
/** Commands whose acceptance is all that the page waits for: a change of state follows the others soon. */
const DONE_WHEN_ACCEPTED = new Set(["clear_finished", "relink_download", "cancel_job"]);
export const REMOVALS = new Set(["delete_download", "remove_job"]);
/** @type {ReadonlySet<unknown>} */
const UNKNOWN = new Set(["unknown_download", "unknown_job"]);

/** The id of a command that concerns no single download. */
export const ALL = "";

/** At most one pending command and one note for each download or job; both end with its next change of state. */
export class Commands {
  /** @type {Map<string, PendingCommand>} */
  #pending = new Map();
  /** @type {Map<string, string>} */
  #notes = new Map();
  #prefix = `page-${Math.random().toString(36).slice(2, 12)}`;
  #count = 0;
  #send;
  #onChange;

  /**
   * @param {object} options
   * @param {(command: object) => boolean} options.send false without a connection
   * @param {(id: string, note: string) => void} options.onChange note: a new one, to be announced, or ""
   */
  constructor({ send, onChange }) {
    this.#send = send;
    this.#onChange = onChange;
  }

  /**
   * @param {string} downloadId
   * @returns {{pending: Action | null, note: string}} pending: the command that was sent and has no effect yet; note: the
   *   error of the last command, in words, "" for none
   */
  get(downloadId) {
    return { pending: this.#pending.get(downloadId)?.action ?? null, note: this.#notes.get(downloadId) ?? "" };
  }

  /**
   * @param {Action} action
   * @param {string} downloadId or ALL
   * @param {number} now ms
   * @param {{file?: boolean, url?: string}} [options] file: a deletion removes its file too; url: the fresh link
   */
  request(action, downloadId, now, options = {}) {
    this.#count += 1;
    const commandId = `${this.#prefix}-${this.#count}`;
    const target = downloadId === ALL ? {} : { [action.endsWith("_job") ? "job_id" : "download_id"]: downloadId };
    if (this.#send({ action, ...target, ...options, command_id: commandId })) {
      this.#notes.delete(downloadId);
      this.#pending.set(downloadId, { commandId, action, at: now });
      this.#onChange(downloadId, "");
    } else {
      this.#fail(downloadId, `${VERBS[action]}: there is no connection now. Try again when it is back.`);
    }
  }

  /**
   * Takes a result. The result of a foreign command is ignored: any program may publish one.
   * @param {Record<string, unknown>} result a `command_result`
   * @returns {{action: Action, id: string, isUnknown: boolean} | null} the command, where no change of state may follow;
   *   isUnknown: the server has no record of that id
   */
  takeResult(result) {
    const downloadId = String(result.download_id ?? result.job_id ?? ALL);
    const pending = this.#pending.get(downloadId);
    if (!pending || result.action !== pending.action) return null;
    if (typeof result.command_id === "string" && result.command_id !== pending.commandId) return null;
    const { action } = pending;
    const isRejected = result.status === "rejected";
    const isUnknown = isRejected && UNKNOWN.has(result.reason);
    if (isUnknown ? REMOVALS.has(action) : !isRejected && DONE_WHEN_ACCEPTED.has(action)) {
      this.settle(downloadId);
      return { action, id: downloadId, isUnknown };
    }
    if (!isRejected) return null;
    const reason = [result.message, result.reason].find((text) => typeof text === "string" && text !== "");
    this.#fail(downloadId, `${VERBS[action]} was refused: ${reason ?? "the server gave no reason"}`);
    return isUnknown ? { action, id: downloadId, isUnknown } : null;
  }

  /**
   * Ends the command of a download whose state changed.
   * @param {string} downloadId
   */
  settle(downloadId) {
    const hadNote = this.#notes.delete(downloadId);
    if (this.#pending.delete(downloadId) || hadNote) this.#onChange(downloadId, "");
  }

  /** @param {number} now ms */
  expire(now) {
    for (const [downloadId, { action, at }] of this.#pending) {
      if (now - at < RESULT_TIMEOUT_MS) continue;
      const seconds = RESULT_TIMEOUT_MS / 1000;
      this.#fail(downloadId, `${VERBS[action]}: nothing has happened for ${seconds} s. You may try again.`);
    }
  }

  /** Fails all of them: the connection is gone, and with it the results. */
  failAll() {
    for (const [downloadId, { action }] of this.#pending) {
      this.#fail(downloadId, `${VERBS[action]}: the connection was lost before the answer came.`);
    }
  }

  /**
   * @param {string} downloadId
   * @param {string} note
   */
  #fail(downloadId, note) {
    this.#pending.delete(downloadId);
    this.#notes.set(downloadId, note);
    this.#onChange(downloadId, note);
  }
}
