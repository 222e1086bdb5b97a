// The bar that says how many rows are selected, with a button for each command that makes sense for some of them.

import { announce } from "./announcer.js";
import { byId, isTyping, setText } from "./dom.js";
import { formatSize } from "./format.js";
import { t } from "./messages.js";
import { actionsOf, losesMuch } from "./row_actions.js";

/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./commands.js").Members} Members */
/** @typedef {import("./row_actions.js").Verb} Verb */

/** A pause in selecting: a number for each row would be noise. */
const ANNOUNCE_DELAY_MS = 600;
/** The states of thousands are counted no more often. */
const COUNT_INTERVAL_MS = 250;

const [bar, count, stop, actions, clear, question, message, keep, confirm] =
  byId("selection", "selection-count", "selection-stop", "selection-actions", "selection-clear", "cancel-question", "cancel-message",
    "cancel-keep", "cancel-confirm");
const [list, focusFallback, priority] = byId("rows", "list-title", "selection-priority");
const buttons = /** @type {HTMLButtonElement[]} */ ([...actions.querySelectorAll("[data-verb]")]);
/** @type {Readonly<Record<string, import("./messages.js").Key>>} */
const LABELS = {
  pause: "pause_count",
  resume: "resume_count",
  retry: "retry_count",
  prioritize: "prioritize_count",
  start: "start_count",
  cancel: "cancel_count",
  delete: "delete_count",
};

export class SelectionBar {
  /** The number of rows that it says. */
  #size = 0;
  #text = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #countedAt = -Infinity;
  #selection;
  #act;

  /**
   * @param {import("./selection.js").Selection} selection
   * @param {(verb: Verb, downloads: Download[], members: Members) => void} act downloads: oldest first
   */
  constructor(selection, act) {
    this.#selection = selection;
    this.#act = act;
    for (const button of buttons) {
      button.addEventListener("click", () => this.#ask(/** @type {Verb} */ (button.dataset.verb)));
    }
    priority.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" && !event.isComposing) this.#do("prioritize");
    });
    new ResizeObserver(([{ target }]) => {
      document.documentElement.style.setProperty("--bar-height", `${/** @type {HTMLElement} */ (target).offsetHeight}px`);
    }).observe(bar);
    clear.addEventListener("click", () => selection.clear());
    stop.addEventListener("click", () => selection.stop());
    keep.addEventListener("click", () => this.#closeQuestion());
    confirm.addEventListener("click", () => {
      this.#closeQuestion();
      this.#do("cancel");
    });
    bar.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || question.hidden) return;
      event.preventDefault();
      this.#closeQuestion();
    });
    document.addEventListener("keydown", (event) => {
      const isMeant = event.key === "Delete" && !event.repeat && !isTyping(event.target);
      if (isMeant && list.contains(event.target)) this.#do("delete");
    });
  }

  /** Moves the focus to its first button. */
  focus() {
    buttons.find((button) => !button.hidden)?.focus();
  }

  /**
   * To be called after each frame that drew something, and as often as the time is shown.
   * @param {number} now ms
   */
  show(now) {
    const { size } = this.#selection;
    if (size === 0 && this.#size === 0) return;
    const { isReading, isPartial } = this.#selection;
    const text = t(isReading ? "selecting" : isPartial ? "selected_part" : "selected", { count: size });
    if (text === this.#text && now >= this.#countedAt && now - this.#countedAt < COUNT_INTERVAL_MS) return;
    this.#countedAt = now;
    if (text !== this.#text) this.#showSize(size, text);
    const stopHadFocus = document.activeElement === stop;
    stop.hidden = !isReading;
    if (stopHadFocus && stop.hidden) clear.focus();
    /** @type {Map<string | undefined, number>} */
    const counts = new Map();
    for (const download of this.#selection.values()) {
      for (const verb of actionsOf(download).keys()) counts.set(verb, (counts.get(verb) ?? 0) + 1);
    }
    for (const button of buttons) {
      const possible = counts.get(button.dataset.verb) ?? 0;
      const hadFocus = document.activeElement === button;
      button.hidden = possible === 0;
      setText(button, t(LABELS[button.dataset.verb ?? ""], { count: possible }));
      if (hadFocus && button.hidden) (bar.hidden ? focusFallback : clear).focus();
    }
    this.#showPriority(counts.has("prioritize"));
  }

  /** @param {boolean} isPossible for some of them */
  #showPriority(isPossible) {
    const hadFocus = document.activeElement === priority;
    priority.hidden = !isPossible;
    if (hadFocus && priority.hidden) (bar.hidden ? focusFallback : clear).focus();
  }

  /**
   * @param {number} size
   * @param {string} text
   */
  #showSize(size, text) {
    const hadFocus = bar.contains(document.activeElement);
    if (size !== this.#size) this.#closeQuestion();
    this.#size = size;
    this.#text = text;
    count.textContent = text;
    bar.hidden = size === 0;
    document.documentElement.toggleAttribute("data-selecting", size > 0);
    if (hadFocus && size === 0) focusFallback.focus({ preventScroll: true });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => announce(`${count.textContent}${t("full_stop")}`), ANNOUNCE_DELAY_MS);
  }

  /** @param {Verb} verb a cancellation that throws much away asks first */
  #ask(verb) {
    const downloads = verb === "cancel" ? this.#concerned(verb) : [];
    if (!downloads.some(losesMuch)) {
      this.#do(verb);
      return;
    }
    const bytes = downloads.reduce((sum, { isJob, received }) => sum + (isJob ? 0 : received ?? 0), 0);
    const loss = bytes > 0 ? t("loss_of_many_bytes", { size: formatSize(bytes) }) : t("loss_of_many");
    message.textContent = `${t("cancel_many", { count: downloads.length })}${loss}`;
    actions.hidden = true;
    question.hidden = false;
    keep.focus();
  }

  #closeQuestion() {
    if (question.hidden) return;
    const hadFocus = question.contains(document.activeElement);
    question.hidden = true;
    actions.hidden = false;
    if (hadFocus) this.focus();
  }

  /** @param {Verb} verb */
  #do(verb) {
    const isWrong = verb === "prioritize" && !priority.validity.valid;
    priority.setAttribute("aria-invalid", String(isWrong));
    if (isWrong) priority.focus();
    else this.#act(verb, this.#concerned(verb), this.#membersOf(verb));
  }

  /**
   * @param {Verb} verb
   * @returns {Members} of its commands
   */
  #membersOf(verb) {
    if (verb === "start") return { start_at: null };
    return verb === "prioritize" ? { priority: Number(priority.value) } : {};
  }

  /**
   * @param {Verb} verb
   * @returns {Download[]} the selected ones that it makes sense for, oldest first
   */
  #concerned(verb) {
    return this.#selection.inOrder.filter((download) => actionsOf(download).has(verb)).reverse();
  }
}
