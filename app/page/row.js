// One download, or one job of another kind, as a row. It is made once and then patched: only changed text is written.

import { VERBS } from "./commands.js";
import { byId } from "./dom.js";
import { displayName, secondsLeft } from "./downloads.js";
import { formatDuration, formatPercent, formatSize, formatSpeed, toPercent } from "./format.js";
import { isSilent } from "./merge.js";
import { alone, t } from "./messages.js";
import { printable } from "./printable.js";
import { isMovable } from "./queue.js";
import { endActionOf, hasFile, isRemovable, mainActionOf, needsLink } from "./row_actions.js";
import { amountOf, detailOf, stateOf } from "./row_text.js";

/** @typedef {import("./commands.js").Action} Action */
/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./downloads.js").State} State */

/** Screen readers read a bar out when it moves. */
const ARIA_INTERVAL_MS = 5_000;

/** The labels of buttons. @type {Partial<Record<Action, import("./messages.js").Key>>} */
const OF_ONE = {
  pause_download: "pause_one",
  resume_download: "resume_one",
  cancel_download: "cancel_one",
  retry_download: "retry_one",
  delete_download: "delete_one",
  cancel_job: "cancel_one",
  remove_job: "remove_one",
};

const [template] = byId("row-template");

export class Row {
  /** The values in the document, by slot. @type {Map<string, string>} */
  #written = new Map();
  #ariaAt = -Infinity;
  /** @type {State | null} */
  #state = null;
  /** When its second button changed its action, ms. */
  endChangedAt = -Infinity;

  /** @param {string} id */
  constructor(id) {
    this.id = id;
    const fragment = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.element = /** @type {HTMLElement} */ (fragment.firstElementChild);
    this.element.dataset.id = id;
    const slotted = /** @type {NodeListOf<HTMLElement>} */ (this.element.querySelectorAll("[data-slot]"));
    /** @type {Record<string, HTMLElement>} */
    this.slots = Object.fromEntries(Array.from(slotted, (slot) => [slot.dataset.slot, slot]));
    /** @type {Download | null} */
    this.download = null;
  }

  /** @param {boolean} isSelected */
  setSelected(isSelected) {
    const box = /** @type {HTMLInputElement} */ (this.slots.select);
    if (box.checked !== isSelected) box.checked = isSelected; // a click has changed it already
    if (this.#changes("selected", String(isSelected))) this.element.toggleAttribute("data-selected", isSelected);
  }

  /**
   * Tells screen readers its place, since not all rows are there.
   * @param {number} position from 1
   * @param {number} size of its group
   */
  setPosition(position, size) {
    if (this.#changes("position", String(position))) this.element.ariaPosInSet = String(position);
    if (this.#changes("setsize", String(size))) this.element.ariaSetSize = String(size);
  }

  /**
   * @param {Download} download
   * @param {{pending: Action | null, note: string}} command
   * @param {number} now ms
   */
  patch(download, { pending, note }, now) {
    this.download = download;
    const { state, total, progress, isJob } = download;
    const name = printable(displayName(download));
    const silent = isSilent(download, now);
    const isTotalUnknown = state === "running" && total === null && progress === 0;
    const seconds = silent ? null : secondsLeft(download);
    const percent = toPercent(progress);

    if (this.#changes("data-state", state)) this.element.dataset.state = state;
    if (this.#changes("data-job", String(isJob))) this.element.toggleAttribute("data-job", isJob);
    if (this.#changes("data-silent", String(silent))) this.element.toggleAttribute("data-silent", silent);
    if (this.#changes("name", name)) {
      this.#write("title", name);
      this.slots.title.title = name;
      this.slots.select.setAttribute("aria-label", t("select_one", { name }));
      this.slots.bar.setAttribute("aria-label", t("progress_of", { name }));
    }
    this.#write("state", stateOf(download));
    const detail = silent ? t("silent") : alone(detailOf(download));
    if (this.#write("detail", detail)) this.slots.detail.title = detail;
    const hidesPercent = isTotalUnknown || state === "complete" || (state !== "running" && percent === 0);
    this.#write("percent", hidesPercent ? "" : formatPercent(progress));
    this.#write("size", amountOf(download));
    this.#write("speed", download.speed === null || silent ? "" : formatSpeed(download.speed));
    this.#write("left", seconds === null ? "" : t("time_left", { time: formatDuration(seconds) }));
    this.#patchBar(download, isTotalUnknown, percent, now);
    if (this.#changes("note", note)) {
      this.slots.note.textContent = note;
      this.slots.note.hidden = note === "";
    }
    this.#patchSave(download, name);
    const handleOf = isMovable(download) ? name : "";
    if (this.#changes("handle", handleOf)) {
      this.slots.handle.hidden = handleOf === "";
      this.slots.handle.setAttribute("aria-label", t("move_one", { name }));
    }
    this.#patchButtons(download, name, download.isCancelling ? "cancel_job" : pending);
    this.#state = state;
  }

  /**
   * @param {Download} download
   * @param {boolean} isTotalUnknown
   * @param {number} percent
   * @param {number} now ms
   */
  #patchBar(download, isTotalUnknown, percent, now) {
    const { state, progress } = download;
    const { bar, fill } = this.slots;
    if (this.#changes("unknown", String(isTotalUnknown))) bar.classList.toggle("unknown", isTotalUnknown);
    // A thousandth of the bar is less than a pixel.
    const width = isTotalUnknown ? "" : `scaleX(${Math.round(progress * 1000) / 1000})`;
    if (this.#changes("width", width)) fill.style.transform = width;

    if (state === this.#state && now - this.#ariaAt < ARIA_INTERVAL_MS) return;
    this.#ariaAt = now;
    const text = isTotalUnknown ? unknownOf(download) : formatPercent(progress);
    if (!this.#changes("aria", text)) return;
    bar.setAttribute("aria-valuetext", text);
    if (isTotalUnknown) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(percent));
  }

  /**
   * The server's page says whether it serves files. Downloads of other publishers have none there.
   * @param {Download} download
   * @param {string} name
   */
  #patchSave(download, name) {
    const { save } = this.slots;
    const isServed = hasFile(download) && "files" in document.documentElement.dataset;
    if (!this.#changes("save", isServed ? name : "")) return;
    save.hidden = !isServed;
    save.setAttribute("aria-label", t("save_one", { name }));
    save.setAttribute("href", `downloads/${encodeURIComponent(download.id)}/file`);
  }

  /**
   * The buttons stay the same elements and a hidden one hands its focus on, so that the keyboard keeps its place.
   * @param {Download} download
   * @param {string} name
   * @param {Action | null} pending
   */
  #patchButtons(download, name, pending) {
    const { main, end, link } = this.slots;
    const { activeElement } = document;
    const removable = isRemovable(download);
    const before = end.dataset.action;
    this.#patchAction("main", mainActionOf(download), name, pending);
    this.#patchAction("end", endActionOf(download), name, pending);
    if (this.#changes("link", `${needsLink(download)} ${pending} ${name}`)) {
      link.hidden = !needsLink(download);
      link.setAttribute("aria-label", t("new_link_one", { name }));
      link.setAttribute("aria-busy", String(pending === "relink_download"));
    }
    const onMain = activeElement === main && main.hidden;
    // The next press was meant for Cancel, and must not meet Delete or Remove.
    const onEnd = activeElement === end && before !== end.dataset.action && removable;
    const onLink = activeElement === link && link.hidden;
    if (!onMain && !onEnd && !onLink) return;
    (main.hidden ? this.element : main).focus({ preventScroll: true });
  }

  /**
   * Patches a button whose action may change while the person is on it.
   * @param {"main" | "end"} slot
   * @param {Action | null} action null hides it
   * @param {string} name of the download
   * @param {Action | null} pending the command that was sent and has no effect yet
   */
  #patchAction(slot, action, name, pending) {
    const button = this.slots[slot];
    const isPending = action !== null && action === pending;
    if (!this.#changes(slot, `${action} ${isPending} ${name}`)) return;
    button.hidden = action === null;
    button.setAttribute("aria-busy", String(isPending));
    if (action === null) return;
    if (slot === "end" && (button.dataset.action ?? action) !== action) this.endChangedAt = Date.now();
    button.dataset.action = action;
    button.title = t(VERBS[action]);
    button.setAttribute("aria-label", t(OF_ONE[action] ?? VERBS[action], { name }));
    const [icon, label] = button.querySelectorAll("use, span");
    icon.setAttribute("href", `#icon-${action.split("_")[0]}`);
    label.textContent = t(VERBS[action]);
  }

  /**
   * @param {"title" | "state" | "detail" | "percent" | "size" | "speed" | "left"} slot
   * @param {string} text
   * @returns {boolean} whether it changed
   */
  #write(slot, text) {
    const changes = this.#changes(slot, text);
    if (changes) this.slots[slot].textContent = text;
    return changes;
  }

  /**
   * @param {string} slot
   * @param {string} value
   * @returns {boolean} whether it differs from the document
   */
  #changes(slot, value) {
    if (this.#written.get(slot) === value) return false;
    this.#written.set(slot, value);
    return true;
  }
}

/**
 * @param {Download} download whose total is unknown
 * @returns {string} how much of it is done
 */
function unknownOf(download) {
  if (!download.isJob) return t("received_of_unknown", { size: formatSize(download.received ?? 0) });
  const amount = amountOf(download);
  return amount === "" ? t("nothing_of_unknown") : t("done_of_unknown", { amount });
}
