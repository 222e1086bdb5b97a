// The forms of the details: each changes one thing about the download that they show.

import { byId } from "./dom.js";
import { hasEnded, toCount, toNumber } from "./merge.js";
import { t } from "./messages.js";
import { isPrioritizable, isStartable } from "./row_actions.js";

/** @typedef {import("./commands.js").Members} Members */
/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./messages.js").Key} Key */
/** @typedef {import("./records.js").ServerRecord} ServerRecord */
/** @typedef {"rename_download" | "limit_download" | "prioritize_download" | "schedule_download"} ChangeAction */
/** @typedef {(action: ChangeAction, id: string, members: Members, onOutcome: (problem: string) => void) => void} Request */

/**
 * @typedef {object} Change
 * @property {ChangeAction} action
 * @property {HTMLFormElement} form
 * @property {HTMLInputElement} input
 * @property {(download: Download) => boolean} fits whether it can be changed
 * @property {(record: ServerRecord) => string} textOf the present value
 * @property {(text: string) => Members | null} membersOf what was entered and is no mistake for the browser; null where it
 *   makes no sense
 * @property {Key} problem that is told then
 * @property {Key} done
 * @property {Key} refused
 */

const MEGA = 1_000_000;
/** The server takes a day more. */
const MAX_AHEAD_S = 365 * 24 * 3600;

const [nameForm, name, limitForm, limit, priorityForm, priority, startForm, start, startNow] =
  byId("details-name", "name", "details-limit", "limit", "details-priority", "priority", "details-start", "start", "start-now");

/** @type {Change} */
const SCHEDULE = {
  action: "schedule_download",
  form: startForm,
  input: start,
  fits: isWaiting,
  textOf: ({ start_at: seconds }) => localTime(toCount(seconds) ?? 0),
  membersOf: (text) => ({ start_at: text === "" ? null : new Date(text).toISOString() }), // in the browser's time zone
  problem: "start_within",
  done: "start_set",
  refused: "start_refused",
};
/** @type {Change[]} */
const CHANGES = [
  {
    action: "rename_download",
    form: nameForm,
    input: name,
    fits: (download) => isPrioritizable(download) || (isWaiting(download) && download.state === "paused"),
    textOf: (record) => (typeof record.name === "string" ? record.name : ""),
    membersOf: (text) => ({ name: text.trim() }),
    problem: "name_wrong",
    done: "name_set",
    refused: "name_refused",
  },
  {
    action: "limit_download",
    form: limitForm,
    input: limit,
    fits: ({ state, isJob, hasRecord }) => hasRecord && !isJob && !hasEnded(state),
    textOf: ({ limit_bytes_per_s: bytes }) => (toCount(bytes) ? String(Number(bytes) / MEGA) : ""),
    membersOf: (text) => {
      const bytes = Math.round(Number(text) * MEGA);
      return Number.isFinite(bytes) && bytes >= 0 ? { bytes_per_s: bytes } : null;
    },
    problem: "no_number",
    done: "limit_set",
    refused: "limit_refused",
  },
  {
    action: "prioritize_download",
    form: priorityForm,
    input: priority,
    fits: isPrioritizable,
    textOf: (record) => String(toNumber(record.priority) ?? 0),
    membersOf: (text) => ({ priority: Number(text) }),
    problem: "option_priority",
    done: "priority_set",
    refused: "priority_refused",
  },
  SCHEDULE,
];

export class DetailsChanges {
  /** @type {Download | null} */
  #download = null;
  #request;
  #onOutcome;

  /**
   * @param {Request} request
   * @param {(download: Download, text: string) => void} onOutcome
   */
  constructor(request, onOutcome) {
    this.#request = request;
    this.#onOutcome = onOutcome;
    for (const change of CHANGES) {
      change.form.addEventListener("submit", (event) => {
        event.preventDefault();
        const { validity, value } = change.input;
        const members = validity.valid ? change.membersOf(value) : null;
        change.input.setAttribute("aria-invalid", String(members === null));
        if (members) this.#send(change, members);
        else if (this.#download) onOutcome(this.#download, t(change.problem));
      });
    }
    startNow.addEventListener("click", () => this.#send(SCHEDULE, { start_at: null }));
  }

  /** @param {Download} download to be changed from now on */
  open(download) {
    this.#download = download;
    start.max = localTime(Date.now() / 1000 + MAX_AHEAD_S);
    for (const { input } of CHANGES) {
      input.value = "";
      input.setAttribute("aria-invalid", "false");
    }
  }

  /** @param {ServerRecord} record of the server, whose values are shown where none is being entered */
  fill(record) {
    for (const { input, textOf } of CHANGES) if (document.activeElement !== input) input.value = textOf(record);
  }

  /** Shows those that make sense in the present state. */
  draw() {
    const download = this.#download;
    if (!download) return;
    for (const { form, fits } of CHANGES) form.hidden = !fits(download);
    const hadFocus = document.activeElement === startNow;
    startNow.hidden = !isStartable(download);
    if (hadFocus && startNow.hidden) start.focus();
  }

  /**
   * @param {Change} change
   * @param {Members} members
   */
  #send({ action, done, refused }, members) {
    const download = this.#download;
    if (!download) return;
    this.#request(action, download.id, members, (problem) => {
      this.#onOutcome(download, problem === "" ? t(done) : `${t(refused)}${problem}`);
    });
  }
}

/**
 * @param {Download} download
 * @returns {boolean} whether no worker has it
 */
function isWaiting({ state, isJob, hasRecord }) {
  return hasRecord && !isJob && (state === "queued" || state === "paused");
}

/**
 * @param {number} seconds since 1970, 0 for none
 * @returns {string} the time as a field has it, in the browser's time zone
 */
function localTime(seconds) {
  const time = new Date(seconds * 1000);
  if (seconds === 0 || Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
