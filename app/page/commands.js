// The commands that this page has sent, and their results. No DOM, no clock.

import { foreign, t } from "./messages.js";

/**
 * @typedef {"pause_download" | "resume_download" | "cancel_download" | "retry_download" | "delete_download"
 *   | "relink_download" | "limit_download" | "move_download" | "prioritize_download" | "schedule_download" | "rename_download" | "cancel_job"
 *   | "remove_job" | "clear_finished"} Action
 */

/**
 * @typedef {object} Members of a command beside its action and its id
 * @property {boolean} [file]
 * @property {string} [url]
 * @property {number} [bytes_per_s]
 * @property {import("./queue.js").Position} [position]
 * @property {number} [priority]
 * @property {string | null} [start_at] null for now
 * @property {string} [name]
 */

/**
 * @typedef {object} PendingCommand
 * @property {string} commandId
 * @property {Action} action
 * @property {number} at when it was sent, ms
 */

/**
 * @typedef {object} AwaitedResult of a command that is one of many
 * @property {number} at when it was sent, ms
 * @property {(problem: string) => void} onOutcome
 */

/** The verb of each action, for buttons and notes. @type {Readonly<Record<Action, import("./messages.js").Key>>} */
export const VERBS = {
  pause_download: "pause",
  resume_download: "resume",
  cancel_download: "cancel",
  retry_download: "retry",
  delete_download: "delete",
  relink_download: "new_link",
  limit_download: "limit",
  move_download: "move",
  prioritize_download: "set_priority",
  schedule_download: "set_start",
  rename_download: "rename",
  cancel_job: "cancel",
  remove_job: "remove",
  clear_finished: "clear_finished",
};

const RESULT_TIMEOUT_MS = 10_000;
const NO_ANSWER = t("no_effect", { seconds: RESULT_TIMEOUT_MS / 1000 });
const LOST = t("lost_before_answer");
/** Commands whose acceptance is all that the page waits for: a change of state follows the others soon. */
const DONE_WHEN_ACCEPTED = new Set(["clear_finished", "relink_download", "limit_download", "move_download",
  "prioritize_download", "schedule_download", "rename_download", "cancel_job"]);
export const REMOVALS = new Set(["delete_download", "remove_job"]);
/** @type {ReadonlySet<unknown>} */
const UNKNOWN = new Set(["unknown_download", "unknown_job"]);

/** The id of a command that concerns no single download. */
export const ALL = "";

/** At most one pending command and one note for each download or job; both end with its next change of state. */
export class Commands {
  /** @type {Map<string, PendingCommand>} */
  #pending = new Map();
  /** By the ids of commands. Each ends with its result, whatever the download does. @type {Map<string, AwaitedResult>} */
  #awaited = new Map();
  /** @type {Map<string, string>} */
  #notes = new Map();
  #prefix = `page-${Math.random().toString(36).slice(2, 12)}`;
  #count = 0;
  #send;
  #onChange;

  /**
   * @param {object} options
   * @param {(command: object) => boolean} options.send false without a connection
   * @param {(id: string, note: string, isOneOfMany: boolean) => void} options.onChange note: a new one, or ""
   */
  constructor({ send, onChange }) {
    this.#send = send;
    this.#onChange = onChange;
  }

  /**
   * @param {string} downloadId
   * @returns {{pending: Action | null, note: string}} pending: the command that was sent and has no effect yet; note: the
   *   error of the last command, in printable words, "" for none
   */
  get(downloadId) {
    return { pending: this.#pending.get(downloadId)?.action ?? null, note: this.#notes.get(downloadId) ?? "" };
  }

  /**
   * @param {Action} action
   * @param {string} downloadId or ALL
   * @param {number} now ms
   * @param {Members} [members]
   * @param {((problem: string) => void) | null} [onOutcome] is called once, "" for an accepted command of many
   */
  request(action, downloadId, now, members = {}, onOutcome = null) {
    this.#count += 1;
    const commandId = `${this.#prefix}-${this.#count}`;
    const target = downloadId === ALL ? {} : { [action.endsWith("_job") ? "job_id" : "download_id"]: downloadId };
    if (onOutcome) this.#awaited.set(commandId, { at: now, onOutcome });
    this.#pending.set(downloadId, { commandId, action, at: now });
    if (this.#send({ action, ...target, ...members, command_id: commandId })) {
      this.#notes.delete(downloadId);
      this.#onChange(downloadId, "", onOutcome !== null);
    } else {
      this.#fail(downloadId, t("no_connection"));
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
    const isRejected = result.status === "rejected";
    const isUnknown = isRejected && UNKNOWN.has(result.reason);
    const reason = [result.message, result.reason].find((text) => typeof text === "string" && text !== "");
    const problem = isRejected ? (reason ? foreign(String(reason)) : t("no_server_reason")) : "";
    const pending = this.#pending.get(downloadId);
    const isPending = pending && result.action === pending.action
      && (typeof result.command_id !== "string" || result.command_id === pending.commandId);
    if (!isPending) {
      // The change of state came before the result.
      this.#resolve(result.command_id, problem);
      return null;
    }
    const { action, commandId } = pending;
    if (isUnknown ? REMOVALS.has(action) : !isRejected && DONE_WHEN_ACCEPTED.has(action)) {
      this.#resolve(commandId, "");
      this.settle(downloadId);
      return { action, id: downloadId, isUnknown };
    }
    if (isRejected) this.#fail(downloadId, problem, "command_refused");
    else this.#resolve(commandId, "");
    return isUnknown ? { action, id: downloadId, isUnknown } : null;
  }

  /**
   * Ends the command of a download whose state changed.
   * @param {string} downloadId
   */
  settle(downloadId) {
    const hadNote = this.#notes.delete(downloadId);
    if (this.#pending.delete(downloadId) || hadNote) this.#onChange(downloadId, "", false);
  }

  /** @param {number} now ms */
  expire(now) {
    const isLate = (/** @type {{at: number}} */ { at }) => now - at >= RESULT_TIMEOUT_MS;
    for (const [downloadId, pending] of this.#pending) if (isLate(pending)) this.#fail(downloadId, NO_ANSWER);
    for (const [commandId, awaited] of this.#awaited) if (isLate(awaited)) this.#resolve(commandId, NO_ANSWER);
  }

  /** Fails all of them: the connection is gone, and with it the results. */
  failAll() {
    for (const downloadId of [...this.#pending.keys()]) this.#fail(downloadId, LOST);
    for (const commandId of [...this.#awaited.keys()]) this.#resolve(commandId, LOST);
  }

  /**
   * @param {unknown} commandId
   * @param {string} problem
   */
  #resolve(commandId, problem) {
    const id = String(commandId);
    const awaited = this.#awaited.get(id);
    this.#awaited.delete(id);
    awaited?.onOutcome(problem);
  }

  /**
   * @param {string} downloadId of a pending command
   * @param {string} problem
   * @param {"command_problem" | "command_refused"} [says]
   */
  #fail(downloadId, problem, says = "command_problem") {
    const pending = this.#pending.get(downloadId);
    if (!pending) return;
    const { action, commandId } = pending;
    this.#pending.delete(downloadId);
    this.#notes.set(downloadId, `${t(says, { command: t(VERBS[action]) })}${problem}`);
    this.#onChange(downloadId, this.#notes.get(downloadId) ?? "", this.#awaited.has(commandId));
    this.#resolve(commandId, problem);
  }
}
