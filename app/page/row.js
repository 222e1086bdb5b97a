// One download as a row. It is made once and then patched: what is shown is written only where it changed.

import { VERBS } from "./commands.js";
import { isSilent, nameOf, secondsLeft } from "./downloads.js";
import { duration, percent, shown, size, sizes, speed } from "./format.js";
import { hasEnded } from "./merge.js";

/** @typedef {import("./commands.js").Action} Action */
/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./downloads.js").State} State */

/** @type {Readonly<Record<State, string>>} */
const STATE_WORDS = {
  queued: "Queued",
  running: "Downloading",
  paused: "Paused",
  complete: "Complete",
  error: "Failed",
  cancelled: "Cancelled",
};

/** What the first button does. @type {Readonly<Record<State, Action | null>>} */
const MAIN_ACTION = {
  queued: "pause_download",
  running: "pause_download",
  paused: "resume_download",
  complete: null,
  error: "retry_download",
  cancelled: "retry_download",
};

/** Screen readers read a bar out when it moves. */
const ARIA_INTERVAL_MS = 5_000;

export class Row {
  /** What is in the document now, by slot. @type {Map<string, string>} */
  #written = new Map();
  #ariaAt = -Infinity;
  /** @type {State | null} */
  #state = null;

  /**
   * @param {HTMLTemplateElement} template
   * @param {string} id
   */
  constructor(template, id) {
    const fragment = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.element = /** @type {HTMLElement} */ (fragment.firstElementChild);
    this.element.dataset.downloadId = id;
    const find = (/** @type {string} */ name) =>
      /** @type {HTMLElement} */ (this.element.querySelector(`[data-slot="${name}"]`));
    this.slots = {
      title: find("title"), state: find("state"), detail: find("detail"), percent: find("percent"), size: find("size"),
      speed: find("speed"), left: find("left"), note: find("note"), bar: find("bar"), fill: find("fill"), save: find("save"),
    };
    this.main = new ActionButton(find("main"));
    this.end = new ActionButton(find("end"));
    /** @type {Download | null} */
    this.download = null;
  }

  /**
   * @param {Download} download
   * @param {{asked: Action | null, note: string}} command
   * @param {number} now ms
   */
  patch(download, { asked, note }, now) {
    this.download = download;
    const { state, total, received, progress } = download;
    const name = shown(nameOf(download));
    const silent = isSilent(download, now);
    const unknown = state === "running" && total === null && progress === 0;
    const seconds = silent ? null : secondsLeft(download);
    const whole = percent(progress);

    if (this.#changes("data-state", state)) this.element.dataset.state = state;
    if (this.#changes("name", name)) {
      this.#text("title", name);
      this.slots.title.title = name;
      this.slots.bar.setAttribute("aria-label", `Progress of ${name}`);
    }
    this.#text("state", STATE_WORDS[state]);
    const detail = shown(silent ? "no news for a while" : detailOf(download));
    if (this.#text("detail", detail)) this.slots.detail.title = detail;
    const untold = unknown || state === "complete" || (state !== "running" && whole === 0);
    this.#text("percent", untold ? "" : `${whole} %`);
    this.#text("size", sizes(received, total));
    this.#text("speed", download.speed === null || silent ? "" : speed(download.speed));
    this.#text("left", seconds === null ? "" : `${duration(seconds)} left`);
    this.#bar(download, unknown, whole, now);
    if (this.#changes("note", note)) {
      this.slots.note.textContent = shown(note);
      this.slots.note.hidden = note === "";
    }
    this.#save(download, name);
    this.#buttons(state, name, asked);
    this.#state = state;
  }

  /**
   * @param {Download} download
   * @param {boolean} unknown whether there is no share that could be shown
   * @param {number} whole percent
   * @param {number} now ms
   */
  #bar({ state, progress, received }, unknown, whole, now) {
    const { bar, fill } = this.slots;
    if (this.#changes("unknown", String(unknown))) bar.classList.toggle("unknown", unknown);
    // A thousandth of the bar is less than a pixel.
    const width = unknown ? "" : `scaleX(${Math.round(progress * 1000) / 1000})`;
    if (this.#changes("width", width)) fill.style.transform = width;

    if (state === this.#state && now - this.#ariaAt < ARIA_INTERVAL_MS) return;
    this.#ariaAt = now;
    const said = unknown ? `size unknown, ${size(received ?? 0)} received` : `${whole} %`;
    if (!this.#changes("aria", said)) return;
    bar.setAttribute("aria-valuetext", said);
    if (unknown) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(whole));
  }

  /**
   * The server says in its page whether it gives files; what others published has none there.
   * @param {Download} download
   * @param {string} name
   */
  #save({ id, state, attempt }, name) {
    const { save } = this.slots;
    const gives = state === "complete" && attempt > 0 && "files" in document.documentElement.dataset;
    if (!this.#changes("save", gives ? name : "")) return;
    save.hidden = !gives;
    save.setAttribute("aria-label", `Save ${name}`);
    save.setAttribute("href", `downloads/${encodeURIComponent(id)}/file`);
  }

  /**
   * The buttons stay the same elements and a hidden one hands its focus on, so that the keyboard keeps its place.
   * @param {State} state
   * @param {string} name
   * @param {Action | null} asked
   */
  #buttons(state, name, asked) {
    const { main, end } = this;
    const { activeElement } = document;
    const ended = hasEnded(state);
    const before = end.action;
    main.show(MAIN_ACTION[state], name, asked);
    end.show(ended ? "delete_download" : "cancel_download", name, asked);
    const onMain = activeElement === main.element && main.action === null;
    // The next press was meant for Cancel, and must not meet Delete.
    const onEnd = activeElement === end.element && before !== end.action && ended;
    if (!onMain && !onEnd) return;
    (main.action === null ? this.element : main.element).focus({ preventScroll: true });
  }

  /**
   * @param {"title" | "state" | "detail" | "percent" | "size" | "speed" | "left"} slot
   * @param {string} text
   * @returns {boolean} whether it was written
   */
  #text(slot, text) {
    const changes = this.#changes(slot, text);
    if (changes) this.slots[slot].textContent = text;
    return changes;
  }

  /**
   * @param {string} what
   * @param {string} value
   * @returns {boolean} whether it is to be written
   */
  #changes(what, value) {
    if (this.#written.get(what) === value) return false;
    this.#written.set(what, value);
    return true;
  }
}

/** A button whose action may change while the person is on it. */
class ActionButton {
  #shown = "";
  /** What it does now. @type {Action | null} */
  action = null;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.label = /** @type {HTMLElement} */ (element.querySelector("span"));
    this.icon = /** @type {SVGUseElement} */ (element.querySelector("use"));
  }

  /**
   * @param {Action | null} action null hides it
   * @param {string} name of the download
   * @param {Action | null} asked what was asked and hasn't happened yet
   */
  show(action, name, asked) {
    const pending = action !== null && action === asked;
    const now = `${action} ${pending} ${name}`;
    if (now === this.#shown) return;
    this.#shown = now;
    this.action = action;
    this.element.hidden = action === null;
    this.element.setAttribute("aria-busy", String(pending));
    if (action === null) return;
    this.element.dataset.action = action;
    this.element.title = VERBS[action];
    this.element.setAttribute("aria-label", `${VERBS[action]} ${name}`);
    this.label.textContent = VERBS[action];
    this.icon.setAttribute("href", `#icon-${action}`);
  }
}

/**
 * @param {Download} download
 * @returns {string} what belongs beside its state: the path, the error, else where it comes from
 */
function detailOf(download) {
  if (download.state === "complete") return download.filePath;
  if (download.state === "error") return download.errorMessage;
  if (download.state === "queued" && download.errorMessage) return `tried again soon: ${download.errorMessage}`;
  return /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(download.url)?.[1] ?? "";
}
