// Commands for many downloads and jobs by one press: for the selected ones, or for all.

import { announce } from "./announcer.js";
import { Bulk } from "./bulk.js";
import { byId, setText } from "./dom.js";
import { Notice } from "./notice.js";
import { Removals } from "./removals.js";
import { actionsOf } from "./row_actions.js";

/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./commands.js").Members} Members */
/** @typedef {import("./row_actions.js").Verb} Verb */

const [pauseAll, resumeAll, progress, stop, focusFallback] =
  byId("pause-all", "resume-all", "bulk-progress", "bulk-stop", "list-title");

export class Many {
  #notice = new Notice();
  #downloads;
  #commands;
  #bulk;
  #readAll;

  /**
   * @param {import("./downloads.js").Downloads} downloads
   * @param {import("./commands.js").Commands} commands
   * @param {(download: Download) => void} draw
   * @param {(state: string) => Promise<unknown>} readAll reads all in that state from the server, as a view names it
   */
  constructor(downloads, commands, draw, readAll) {
    this.#downloads = downloads;
    this.#commands = commands;
    this.#readAll = readAll;
    this.#bulk = new Bulk({
      send: (...command) => this.#send(...command),
      onProgress: (text) => showProgress(text),
      onEnd: (verb, summary, hasProblem) => this.#tell(verb, summary, hasProblem),
    });
    this.removals = new Removals({
      notice: this.#notice,
      onChange: (download) => {
        if (downloads.get(download.id) === download) draw(download);
      },
      send: (ids) => this.#bulk.start("delete", ids),
    });
    stop.addEventListener("click", () => {
      for (const id of this.#bulk.stop()) {
        const download = downloads.get(id);
        if (download) this.removals.settle(download);
      }
    });
    pauseAll.addEventListener("click", () => void this.#actOnAll("pause", "pausable"));
    resumeAll.addEventListener("click", () => void this.#actOnAll("resume", "paused"));
  }

  /**
   * @param {Verb} verb
   * @param {Download[]} downloads oldest first
   * @param {Members} [members] of each command
   */
  act(verb, downloads, members) {
    if (verb === "delete") {
      this.removals.start(downloads);
      return;
    }
    // Those that wait go first: they would start in the places of those that run.
    const turns = verb === "pause" ? [...downloads].sort((a, b) => rankOf(a) - rankOf(b)) : [...downloads];
    if (verb === "start") turns.reverse(); // a worker may take the first one immediately: the next of the queue
    this.#bulk.start(verb, turns.map(({ id }) => id), members);
  }

  /** @param {import("./counts.js").Totals} totals */
  showTotals({ pausable, resumable }) {
    pauseAll.disabled = pausable === 0;
    resumeAll.disabled = resumable === 0;
  }

  get isUnderWay() {
    return !stop.hidden;
  }

  /** Sends all that waits: the page goes away. */
  hurry() {
    this.removals.commit();
    this.#bulk.hurry();
  }

  /**
   * @param {Verb} verb
   * @param {string} state
   */
  async #actOnAll(verb, state) {
    await this.#readAll(state);
    this.act(verb, [...this.#downloads.values()].filter((download) => actionsOf(download).has(verb)));
  }

  /**
   * @param {Verb} verb
   * @param {string} id
   * @param {Members} members
   * @param {(problem: string) => void} onOutcome
   * @returns {boolean} false where that makes no sense any more
   */
  #send(verb, id, members, onOutcome) {
    const download = this.#downloads.get(id);
    const action = download && actionsOf(download).get(verb);
    if (!action) return false;
    this.#commands.request(action, id, Date.now(), { ...members, ...this.removals.membersOf(id) }, onOutcome);
    return true;
  }

  /**
   * @param {Verb} verb
   * @param {string} summary
   * @param {boolean} hasProblem
   */
  #tell(verb, summary, hasProblem) {
    if (verb === "delete" && !hasProblem) return; // it was told when it could be undone
    this.tell(summary);
  }

  /** @param {string} text printable, which is announced, and shown unless a removal can be undone there */
  tell(text) {
    announce(text);
    if (!this.removals.isUndoable) this.#notice.show(text);
  }
}

/** @param {string} text "" where nothing is under way */
function showProgress(text) {
  const hadFocus = document.activeElement === stop;
  setText(progress, text);
  stop.hidden = text === "";
  if (hadFocus && stop.hidden) focusFallback.focus({ preventScroll: true });
}

/**
 * @param {Download} download
 * @returns {number}
 */
function rankOf({ state }) {
  return state === "queued" ? 0 : 1;
}
