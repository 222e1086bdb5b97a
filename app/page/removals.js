// Removals from the list: the rows go immediately, the commands when they can be undone no longer.

import { announce } from "./announcer.js";
import { isTyping } from "./dom.js";
import { displayName } from "./downloads.js";
import { t } from "./messages.js";
import { hasFile } from "./row_actions.js";

/** @typedef {import("./downloads.js").Download} Download */

export class Removals {
  /** Those that can be undone. @type {Download[]} */
  #undoable = [];
  /** The ids of those, and of those whose command is on its way: whether their files go too. @type {Map<string, boolean>} */
  #leaving = new Map();
  #notice;
  #onChange;
  #send;

  /**
   * @param {object} options
   * @param {import("./notice.js").Notice} options.notice
   * @param {(download: Download) => void} options.onChange it is to be shown or hidden
   * @param {(ids: string[]) => void} options.send
   */
  constructor({ notice, onChange, send }) {
    this.#notice = notice;
    this.#onChange = onChange;
    this.#send = send;
    document.addEventListener("keydown", (event) => {
      if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.defaultPrevented) return;
      if (this.#undoable.length === 0 || isTyping(event.target)) return;
      event.preventDefault();
      this.undo();
    });
  }

  get isUndoable() {
    return this.#undoable.length > 0;
  }

  /** The number of rows that are hidden by it. */
  get size() {
    return this.#leaving.size;
  }

  /**
   * @param {string} id
   * @returns {boolean}
   */
  has(id) {
    return this.#leaving.has(id);
  }

  /**
   * @param {string} id
   * @returns {{file?: true}} the members of its command
   */
  membersOf(id) {
    return this.#leaving.get(id) ? { file: true } : {};
  }

  /** @param {Download[]} removed of which no command is under way; those before them can't be undone any more */
  start(removed) {
    const downloads = removed.filter(({ id }) => !this.#leaving.has(id));
    if (downloads.length === 0) return;
    this.#notice.close();
    this.#undoable = downloads;
    this.#show(false);
    for (const download of downloads) this.#onChange(download);
  }

  /** Shows them again. */
  undo() {
    const downloads = this.#undoable;
    this.#undoable = [];
    this.#notice.close();
    for (const download of downloads) this.settle(download);
    announce(t("kept", { name: nameOf(downloads) }));
  }

  /**
   * Shows one again that stays after all, or forgets it where it is gone.
   * @param {Download} download
   */
  settle(download) {
    this.#undoable = this.#undoable.filter(({ id }) => id !== download.id);
    if (this.#leaving.delete(download.id)) this.#onChange(download);
  }

  /** Sends the commands now. */
  commit() {
    const downloads = this.#undoable.splice(0);
    this.#send(downloads.map(({ id }) => id));
  }

  /** @param {boolean} takesFiles */
  #show(takesFiles) {
    const downloads = this.#undoable;
    const files = downloads.filter(hasFile);
    for (const download of downloads) this.#leaving.set(download.id, takesFiles && files.includes(download));
    const fate = takesFiles ? "removed_from_disk" : ["removed", "removed_file_stays"][files.length] ?? "removed_files_stay";
    const text = t(/** @type {import("./messages.js").Key} */ (fate), { name: nameOf(downloads) });
    const label = files.length === 1 ? t("delete_file") : t("delete_files", { count: files.length });
    const actions = [{ label: t("undo"), act: () => this.undo() }];
    if (files.length > 0 && !takesFiles) actions.push({ label, act: () => this.#takeFiles() });
    this.#notice.show(text, actions, () => this.commit());
    announce(`${text}${t("undo_hint")}`);
  }

  #takeFiles() {
    const downloads = this.#undoable;
    this.#undoable = [];
    this.#notice.close();
    this.#undoable = downloads;
    this.#show(true);
  }
}

/**
 * @param {Download[]} downloads
 * @returns {string}
 */
function nameOf(downloads) {
  return downloads.length === 1 ? displayName(downloads[0]) : t("job_count", { count: downloads.length });
}
