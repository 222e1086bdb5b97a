// One command for each of many downloads and jobs, a few at a time, and the sum of the results. No DOM, no clock.

import { t } from "./messages.js";

/** @typedef {import("./commands.js").Members} Members */
/** @typedef {import("./messages.js").Key} Key */
/** @typedef {import("./row_actions.js").Verb} Verb */

/**
 * @typedef {object} Run
 * @property {Verb} verb
 * @property {Members} members of each command
 * @property {string[]} ids in their turn
 * @property {number} next the index of the next one
 * @property {number} inFlight
 * @property {number} done
 * @property {number} skipped whose state changed before their turn
 * @property {number} left whose turn will not come: the person has stopped it
 * @property {number} refused
 * @property {string} reason of the first refusal
 */

/** A server answers each within milliseconds, and lets no client send faster than 50 a second for long. */
const MAX_IN_FLIGHT = 10;

/** While it is done, and afterwards. @type {Readonly<Record<Verb, [Key, Key]>>} */
const WORDS = {
  pause: ["doing_pause", "done_pause"],
  resume: ["doing_resume", "done_resume"],
  retry: ["doing_retry", "done_retry"],
  prioritize: ["doing_prioritize", "done_prioritize"],
  start: ["doing_start", "done_start"],
  cancel: ["doing_cancel", "done_cancel"],
  delete: ["doing_delete", "done_delete"],
};

export class Bulk {
  /** The first is under way. @type {Run[]} */
  #runs = [];
  #maxInFlight = MAX_IN_FLIGHT;
  #isFilling = false;
  #send;
  #onProgress;
  #onEnd;

  /**
   * @param {object} options
   * @param {(verb: Verb, id: string, members: Members, onOutcome: (problem: string) => void) => boolean} options.send
   *   false where it makes no sense any more; onOutcome: "" for an accepted command
   * @param {(text: string) => void} options.onProgress "" where nothing is under way
   * @param {(verb: Verb, summary: string, hasProblem: boolean) => void} options.onEnd
   */
  constructor({ send, onProgress, onEnd }) {
    this.#send = send;
    this.#onProgress = onProgress;
    this.#onEnd = onEnd;
  }

  /**
   * @param {Verb} verb
   * @param {string[]} ids
   * @param {Members} [members]
   */
  start(verb, ids, members = {}) {
    if (ids.length === 0) return;
    this.#runs.push({ verb, members, ids, next: 0, inFlight: 0, done: 0, skipped: 0, left: 0, refused: 0, reason: "" });
    this.#fill();
  }

  /**
   * Ends all that is under way: no more commands are sent.
   * @returns {string[]} the ids of those whose turn will not come
   */
  stop() {
    const left = this.#runs.flatMap((run) => {
      const ids = run.ids.splice(run.next);
      run.left = ids.length;
      return ids;
    });
    this.#fill();
    return left;
  }

  /** Sends all that is left: the page goes away. */
  hurry() {
    this.#maxInFlight = Infinity;
    this.#fill();
  }

  #fill() {
    if (this.#isFilling) return; // an outcome may come within send
    this.#isFilling = true;
    for (let run = this.#runs[0]; run; run = this.#runs[0]) {
      while (run.next < run.ids.length && run.inFlight < this.#maxInFlight) this.#sendNext(run);
      if (run.inFlight > 0) break;
      this.#runs.shift();
      this.#onEnd(run.verb, summaryOf(run), run.refused + run.left > 0);
    }
    this.#isFilling = false;
    const [run] = this.#runs;
    this.#onProgress(run ? t(WORDS[run.verb][0], { done: run.next - run.inFlight, count: run.ids.length }) : "");
  }

  /** @param {Run} run */
  #sendNext(run) {
    const id = run.ids[run.next++];
    run.inFlight += 1;
    const isSent = this.#send(run.verb, id, run.members, (problem) => {
      run.inFlight -= 1;
      if (problem === "") run.done += 1;
      else run.refused += 1;
      run.reason ||= problem;
      this.#fill();
    });
    if (isSent) return;
    run.inFlight -= 1;
    run.skipped += 1;
  }
}

/**
 * @param {Run} run
 * @returns {string} "12 paused, 1 skipped, 1 refused: there is no download a."
 */
function summaryOf({ verb, done, skipped, left, refused, reason }) {
  const parts = [t(WORDS[verb][1], { count: done })];
  if (skipped > 0) parts.push(t("skipped", { count: skipped }));
  if (left > 0) parts.push(t("left", { count: left }));
  if (refused > 0) parts.push(`${t("refused", { count: refused })}${reason}`);
  const text = parts.join(t("comma"));
  return /[.。]\u2069?$/.test(text) ? text : `${text}${t("full_stop")}`;
}
