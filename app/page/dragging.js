// Moves downloads in the queue: by the handle of a row with a mouse or a finger, or by the keyboard.

import { announce } from "./announcer.js";
import { byId, isTyping } from "./dom.js";
import { displayName } from "./downloads.js";
import { t } from "./messages.js";
import { isMovable, positionAt, positionBeside } from "./queue.js";

/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./queue.js").Position} Position */
/** @typedef {import("./row.js").Row} Row */
/** @typedef {(id: string, position: Position, onOutcome: (problem: string) => void) => void} Send */
/** @typedef {{row: Row, side: "before" | "after"}} Drop where the rows would come to stand */

/** The page scrolls while the pointer is so near to an end of the screen, the faster the nearer: so many px in a ms for each. */
const EDGE_PX = 90;
const SPEED = 0.015;
/** A frame that took longer counts as so long, so that none skips what was to be aimed at. */
const MAX_FRAME_MS = 100;

const [list, waitingList] = byId("rows", "rows-waiting");

export class Dragging {
  /** @type {{pointerId: number, row: Row, y: number, drop: Drop | null} | null} */
  #drag = null;
  #isSending = false;
  #rows;
  #selection;
  #send;

  /**
   * @param {import("./rows.js").Rows} rows
   * @param {import("./selection.js").Selection} selection
   * @param {Send} send
   */
  constructor(rows, selection, send) {
    this.#rows = rows;
    this.#selection = selection;
    this.#send = send;
    list.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.#start(event));
    list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    document.addEventListener("pointermove", (event) => this.#follow(event));
    document.addEventListener("pointerup", (event) => this.#end(event, true));
    document.addEventListener("pointercancel", (event) => this.#end(event, false));
    document.addEventListener("keydown", (event) => {
      if (!this.#drag || event.key !== "Escape") return;
      event.stopPropagation();
      this.#stop();
    }, { capture: true });
  }

  /** @param {PointerEvent} event */
  #start(event) {
    const row = this.#rows.rowOf(event.target);
    const handle = row?.slots.handle;
    if (!row || !handle?.contains(/** @type {Node} */ (event.target)) || event.button !== 0 || !event.isPrimary) return;
    event.preventDefault(); // it would select text
    handle.focus({ preventScroll: true }); // the row of the focus stays an element, wherever it is
    this.#drag = { pointerId: event.pointerId, row, y: event.clientY, drop: null };
    row.element.toggleAttribute("data-dragged", true);
    document.documentElement.toggleAttribute("data-dragging", true);
    this.#scroll(performance.now());
  }

  /** @param {PointerEvent} event */
  #follow({ pointerId, clientY }) {
    if (this.#drag?.pointerId !== pointerId) return;
    this.#drag.y = clientY;
    this.#mark();
  }

  /**
   * @param {PointerEvent} event
   * @param {boolean} isDropped
   */
  #end({ pointerId }, isDropped) {
    if (this.#drag?.pointerId !== pointerId) return;
    const { row: { download }, drop } = this.#drag;
    this.#stop();
    if (!isDropped || !drop?.row.download || !download) return;
    const waiting = this.#waiting;
    const moved = this.#movedWith(download);
    const index = waiting.indexOf(drop.row.download) + (drop.side === "after" ? 1 : 0);
    this.#move(moved, positionAt(waiting, index, new Set(moved)));
  }

  #stop() {
    if (!this.#drag) return;
    const { row, drop } = this.#drag;
    row.element.removeAttribute("data-dragged");
    drop?.row.element.removeAttribute("data-drop");
    document.documentElement.removeAttribute("data-dragging");
    this.#drag = null;
  }

  /**
   * Scrolls near the ends of the screen, until the drag ends.
   * @param {number} before ms, when it did so last
   */
  #scroll(before) {
    if (!this.#drag) return;
    const { y } = this.#drag;
    const now = performance.now();
    const beyond = y < EDGE_PX ? y - EDGE_PX : Math.max(0, y - innerHeight + EDGE_PX);
    const top = beyond * SPEED * Math.min(now - before, MAX_FRAME_MS);
    if (top !== 0) scrollBy({ top, behavior: "instant" });
    this.#mark();
    requestAnimationFrame(() => this.#scroll(now));
  }

  /** Shows where the rows would come to stand. */
  #mark() {
    if (!this.#drag) return;
    const { drop, y } = this.#drag;
    const next = this.#dropAt(y);
    if (drop?.row === next?.row && drop?.side === next?.side) return;
    drop?.row.element.removeAttribute("data-drop");
    if (next) next.row.element.dataset.drop = next.side;
    this.#drag.drop = next;
  }

  /**
   * @param {number} y
   * @returns {Drop | null}
   */
  #dropAt(y) {
    let last = null;
    for (const element of waitingList.querySelectorAll(":scope > .row")) {
      const row = this.#rows.rowOf(element);
      if (!row?.download || row.download.state === "paused") continue;
      const { top, bottom } = element.getBoundingClientRect();
      if (y < (top + bottom) / 2) return { row, side: "before" };
      last = row;
    }
    return last && { row: last, side: "after" };
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const row = this.#rows.rowOf(event.target);
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const isMeant = event.altKey || event.target === row?.slots.handle;
    if (!row?.download || !step || !isMeant || isTyping(event.target)) return;
    if (event.ctrlKey || event.metaKey || row.slots.handle.hidden) return;
    event.preventDefault();
    const moved = this.#movedWith(row.download);
    const end = step > 0 ? "last" : "first";
    this.#move(moved, event.shiftKey ? end : positionBeside(this.#waiting, new Set(moved), /** @type {1 | -1} */ (step)));
  }

  /** @returns {Download[]} those that wait, from the top */
  get #waiting() {
    const group = this.#rows.arrangement.groups.find(({ name }) => name === "waiting");
    return (group?.items ?? []).map(({ download }) => download);
  }

  /**
   * @param {Download} download
   * @returns {Download[]} the selected ones with it, if it is one of them
   */
  #movedWith(download) {
    if (!this.#selection.has(download)) return [download];
    return this.#selection.inOrder.filter(isMovable);
  }

  /**
   * Sends one command after the other: each of the others has its place behind the one before.
   * @param {Download[]} moved
   * @param {Position | null} position of the first
   */
  #move(moved, position) {
    if (!position || moved.length === 0 || this.#isSending) return;
    this.#isSending = true;
    const send = (/** @type {number} */ index, /** @type {Position} */ place) => {
      this.#send(moved[index].id, place, (problem) => {
        if (problem === "" && index + 1 < moved.length) {
          send(index + 1, { after: moved[index].id });
          return;
        }
        this.#isSending = false;
        announce(problem === "" ? this.#describe(moved, position) : `${t("move_refused")}${problem}`);
      });
    };
    send(0, position);
  }

  /**
   * @param {Download[]} moved
   * @param {Position} position
   * @returns {string}
   */
  #describe(moved, position) {
    if (moved.length > 1) return t("moved_count", { count: moved.length });
    const name = displayName(moved[0]);
    if (position === "first") return t("moved_first", { name });
    if (position === "last") return t("moved_last", { name });
    const isBefore = "before" in position;
    const id = isBefore ? position.before : position.after;
    const neighbour = this.#rows.arrangement.get(id)?.download;
    const other = neighbour ? displayName(neighbour) : id;
    return t(isBefore ? "moved_before" : "moved_after", { name, other });
  }
}
