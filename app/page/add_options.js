// The options of the form that adds downloads. Each field has the name of its member of POST /downloads, and its own problem.

import { byId, setText } from "./dom.js";
import { t } from "./messages.js";

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Field */

const MEGA = 1_000_000;
/** The member that a refusal of the server begins with. */
const REFUSAL = /^(\w+)(?:\.[^:]*)?: (.*)$/s;
/** The problem of a field that makes no sense, where it is no number. @type {Readonly<Record<string, import("./messages.js").Key>>} */
const PROBLEMS = { start_at: "no_time", headers: "no_header" };

const [options, name] = byId("add-options", "option-name");
/** @type {Field[]} */
const fields = [...options.querySelectorAll("input, textarea")];

/**
 * Reads what is not empty, and says beside each field what is wrong with it.
 * @returns {Record<string, unknown> | null} members for the server; null where a field makes no sense
 */
export function readOptions() {
  /** @type {Record<string, unknown>} */
  const members = {};
  for (const field of fields) {
    const text = field.value.trim();
    const isBad = field.validity.badInput; // half a date, or letters in a number, have no value
    const member = text === "" || field.disabled ? undefined : parse(field.name, text);
    showProblem(field, isBad || member === null ? t(PROBLEMS[field.name] ?? "no_number") : "");
    if (member !== undefined) members[field.name] = member;
  }
  const wrong = fields.find((field) => field.getAttribute("aria-invalid") === "true");
  if (wrong) focusOn(wrong);
  return wrong ? null : members;
}

/**
 * Shows the reason beside the field that the server refused.
 * @param {string} detail of its answer
 * @returns {boolean} false where it concerns no field of these
 */
export function showRefusal(detail) {
  const [, member, reason] = REFUSAL.exec(detail) ?? [];
  const field = fields.find((one) => one.name === member && one.value !== "");
  if (!field) return false;
  showProblem(field, reason);
  focusOn(field);
  return true;
}

/** Empties all fields, once their downloads were added. */
export function clearOptions() {
  for (const field of fields) {
    field.value = "";
    showProblem(field, "");
  }
}

/** @param {number} count of addresses: a name is that of one file */
export function allowName(count) {
  name.disabled = count > 1;
}

/**
 * @param {string} member
 * @param {string} text not empty
 * @returns {unknown} null where it makes no sense
 */
function parse(member, text) {
  if (member === "limit_bytes_per_s") {
    const bytes = Math.round(Number(text) * MEGA);
    return bytes > 0 && Number.isFinite(bytes) ? bytes : null;
  }
  if (member === "priority") return Number.isInteger(Number(text)) ? Number(text) : null;
  if (member === "start_at") {
    const start = new Date(text); // in the browser's time zone
    return Number.isNaN(start.getTime()) ? null : start.toISOString();
  }
  return member === "headers" ? parseHeaders(text) : text;
}

/**
 * @param {string} text a header on each line
 * @returns {Record<string, string> | null}
 */
function parseHeaders(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  const pairs = lines.map((line) => /^([^:]+?)\s*:\s*(.*)$/.exec(line));
  const names = new Set(pairs.map((pair) => pair?.[1].toLowerCase()));
  if (pairs.includes(null) || names.size < pairs.length) return null;
  return Object.fromEntries(pairs.map((pair) => [pair?.[1], pair?.[2]]));
}

/**
 * @param {Field} field
 * @param {string} problem "" for none
 */
function showProblem(field, problem) {
  const [place] = byId(`${field.id}-problem`);
  setText(place, problem);
  if (problem === "") field.removeAttribute("aria-invalid");
  else field.setAttribute("aria-invalid", "true");
}

/** @param {Field} field */
function focusOn(field) {
  options.open = true;
  field.focus();
}
