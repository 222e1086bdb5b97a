// How many downloads and jobs there are of each kind, without a look at all of them. Pure: no DOM, no clock.

import { hasEnded, isSilent } from "./merge.js";
import { mainActionOf } from "./row_actions.js";

/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./downloads.js").State} State */

/**
 * @typedef {object} Totals
 * @property {number} active
 * @property {number} ended
 * @property {number} pausable
 * @property {number} resumable
 * @property {boolean} hasJobsAlone whether there is none but jobs of other kinds
 * @property {number | null} progress of the running downloads whose size is known, 0 to 1; null where there are none
 * @property {number} speed bytes a second of all downloads together
 */

/** @type {State[]} */
const STATES = ["queued", "running", "paused", "complete", "error", "cancelled"];
/** All that the counts distinguish; the first is none. */
const CATEGORIES = [false, true].flatMap((isJob) =>
  [false, true].flatMap((hasRecord) => STATES.map((state) => ({ isJob, hasRecord, state }))));

export class Counts {
  /** By category. @type {number[]} */
  #counts = new Array(CATEGORIES.length + 1).fill(0);
  /** Those that change by themselves: they run, or fall silent since nobody owns them. @type {Set<Download>} */
  lively = new Set();

  /** @param {Download} download that is new or has changed */
  update(download) {
    const { isJob, hasRecord, state } = download;
    this.#put(download, 1 + (isJob ? 12 : 0) + (hasRecord ? 6 : 0) + STATES.indexOf(state));
    if (state === "running" || (!hasRecord && !hasEnded(state))) this.lively.add(download);
    else this.lively.delete(download);
  }

  /** @param {Download} download that is gone */
  remove(download) {
    this.#put(download, 0);
    this.lively.delete(download);
  }

  /**
   * @param {boolean} isJob
   * @param {State} state
   * @returns {number} those of which the server has a record
   */
  ofRecorded(isJob, state) {
    return this.#sum((category) => category.isJob === isJob && category.hasRecord && category.state === state);
  }

  /**
   * @param {number} now ms
   * @returns {Totals}
   */
  totals(now) {
    let speed = 0;
    let received = 0;
    let expected = 0;
    for (const download of this.lively) {
      if (!download.isJob && download.total) {
        received += download.received ?? 0;
        expected += download.total;
      }
      if (download.speed !== null && !isSilent(download, now)) speed += download.speed;
    }
    return {
      active: this.#sum(({ state }) => !hasEnded(state)),
      ended: this.#sum(({ state }) => hasEnded(state)),
      pausable: this.#sum((category) => mainActionOf(category) === "pause_download"),
      resumable: this.#sum((category) => mainActionOf(category) === "resume_download"),
      hasJobsAlone: this.#sum(({ isJob }) => isJob) > 0 && this.#sum(({ isJob }) => !isJob) === 0,
      progress: expected > 0 ? Math.min(1, received / expected) : null,
      speed,
    };
  }

  /**
   * @param {Download} download
   * @param {number} category 0 for none
   */
  #put(download, category) {
    this.#counts[download.category] -= 1;
    this.#counts[category] += 1;
    download.category = category;
  }

  /**
   * @param {(category: {isJob: boolean, hasRecord: boolean, state: State}) => boolean} belongs
   * @returns {number}
   */
  #sum(belongs) {
    return CATEGORIES.reduce((sum, category, index) => sum + (belongs(category) ? this.#counts[index + 1] : 0), 0);
  }
}
