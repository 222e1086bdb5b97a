// The limits of all workers together: those that hold now on a button, and all of them in a dialog, where they are changed.

import { byId, setText } from "./dom.js";
import { formatDays, formatSpeed } from "./format.js";
import { foreign, t } from "./messages.js";
import { token } from "./token.js";

/** @typedef {{max_speed: number | null, max_downloads: number | null}} Allowed */
/** @typedef {Allowed & {days: string[], start: string, end: string}} Period */
/** @typedef {Allowed & {timezone: string, timetable: Period[], now: Allowed}} Limits */

const MEGA = 1_000_000;
const TIMEOUT_MS = 10_000;
const LOOK_AGAIN_MS = 60_000;

const [button, dialog, close, form, note] =
  byId("limits-open", "limits", "limits-close", "limits-form", "limits-note");
const [speed, downloads, zone, periods, more, template] =
  byId("limits-speed", "limits-downloads", "limits-zone", "limits-periods", "limits-more", "period-template");

/**
 * Reads and writes them, and shows the button once the server lets this page read them.
 * @param {(text: string) => void} announce
 * @returns {() => void} reads them again
 */
export function limitsDialog(announce) {
  button.addEventListener("click", async () => {
    note.textContent = "";
    const limits = await read();
    if (limits) fill(limits);
    dialog.showModal();
  });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (/** @type {Event} */ event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
  more.addEventListener("click", () => {
    if (periods.childElementCount === 0 && zone.value === "UTC") {
      zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
    }
    const days = ["mon", "tue", "wed", "thu", "fri"];
    const row = addPeriod({ days, start: "08:00", end: "18:00", max_speed: null, max_downloads: null });
    /** @type {HTMLElement} */ (row.querySelector("select")).focus();
  });
  periods.addEventListener("click", ({ target }) => {
    const remove = target instanceof Element && target.closest("button");
    if (!remove) return;
    remove.closest("li")?.remove();
    more.focus();
  });
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    const limits = collect();
    if (limits === null) {
      note.textContent = t("no_number");
      return;
    }
    const problem = await write(limits);
    note.textContent = problem === "" ? "" : `${t("limits_refused")}${problem}`;
    if (problem !== "") return;
    announce(t("limits_set"));
    dialog.close();
  });
  setInterval(() => document.visibilityState === "visible" && !button.hidden && void read(), LOOK_AGAIN_MS);
  return () => void read();
}

/** @returns {Promise<Limits | null>} null where the server has none for this page, or doesn't answer */
async function read() {
  try {
    const response = await fetch("limits", { headers: token.headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) return null;
    return show(await response.json());
  } catch {
    return null; // the page shows already that the server is gone
  }
}

/**
 * @param {object} limits
 * @returns {Promise<string>} the problem, "" for none
 */
async function write(limits) {
  try {
    const response = await fetch("limits", {
      method: "PUT",
      headers: { "content-type": "application/json", ...token.headers },
      body: JSON.stringify(limits),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const answer = await response.json();
    if (!response.ok) return foreign(String(answer.detail ?? response.status));
    show(answer);
    return "";
  } catch {
    return t("server_silent");
  }
}

/**
 * @param {Limits} limits
 * @returns {Limits}
 */
function show(limits) {
  const { max_speed: bytes, max_downloads: count } = limits.now;
  const parts = [
    ...(bytes === null ? [] : [formatSpeed(bytes)]),
    ...(count === null ? [] : [t("download_count", { count })]),
  ];
  setText(button, parts.length > 0 ? `${t("limits_now")}${parts.join(t("comma"))}` : t("limits"));
  button.hidden = false;
  return limits;
}

/** @param {Limits} limits */
function fill({ max_speed, max_downloads, timezone, timetable }) {
  speed.value = max_speed === null ? "" : max_speed / MEGA;
  downloads.value = max_downloads ?? "";
  zone.value = timezone;
  periods.replaceChildren();
  timetable.forEach(addPeriod);
}

/**
 * @param {Period} period
 * @returns {HTMLElement} its row
 */
function addPeriod({ days, start, end, max_speed, max_downloads }) {
  const row = template.content.cloneNode(true).firstElementChild;
  const [select, from, to, bytes, count] = fieldsOf(row);
  const value = days.join();
  // Other days than those that are offered come from the command line, and stay.
  if (![...select.options].some((option) => option.value === value)) select.add(new Option(formatDays(days), value));
  [select.value, from.value, to.value] = [value, start, end];
  bytes.value = max_speed === null ? "" : max_speed / MEGA;
  count.value = max_downloads ?? "";
  periods.append(row);
  return row;
}

/**
 * @param {Element} row
 * @returns {any[]} the fields of a period
 */
function fieldsOf(row) {
  return [...row.querySelectorAll("select, input")];
}

/** @returns {object | null} the limits as they are entered; null where a number is none */
function collect() {
  const timetable = [...periods.children].map((row) => {
    const [select, from, to, bytes, count] = fieldsOf(row);
    return { days: select.value.split(","), start: from.value, end: to.value, ...allowed(bytes, count) };
  });
  const limits = { ...allowed(speed, downloads), timezone: zone.value.trim(), timetable };
  const numbers = [limits, ...timetable].flatMap(({ max_speed, max_downloads }) => [max_speed, max_downloads]);
  return numbers.some(Number.isNaN) ? null : limits;
}

/**
 * @param {HTMLInputElement} bytes
 * @param {HTMLInputElement} count
 * @returns {Allowed} with NaN for text that is no number
 */
function allowed(bytes, count) {
  const perSecond = numberOf(bytes);
  return { max_speed: perSecond === null ? null : Math.round(perSecond * MEGA), max_downloads: numberOf(count) };
}

/**
 * @param {HTMLInputElement} input
 * @returns {number | null} null for an empty one
 */
function numberOf(input) {
  const text = input.value.trim();
  const number = Number(text);
  const isValid = text === "" || (Number.isFinite(number) && number >= 0);
  input.setAttribute("aria-invalid", String(!isValid));
  return text === "" ? null : isValid ? number : NaN;
}
