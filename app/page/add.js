// The form that adds downloads, one URL per line.

import { allowName, clearOptions, readOptions, showRefusal } from "./add_options.js";
import { announce } from "./announcer.js";
import { byId } from "./dom.js";
import { errorDetail } from "./gateway_sse.js";
import { withScheme } from "./links.js";
import { foreign, t } from "./messages.js";
import { token } from "./token.js";

const RESPONSE_TIMEOUT_MS = 15_000;
const MAX_SHOWN_PROBLEMS = 8;
/** @type {Readonly<Record<string, import("./messages.js").Key>>} */
const STATES = {
  queued: "is_queued",
  running: "is_running",
  paused: "is_paused",
  complete: "is_complete",
  error: "is_error",
  cancelled: "is_cancelled",
};
/** Addresses whose download exists already, as the last answers said: the next time they are added again. */
const existing = new Set();

const [form, input, button, problems] = byId("add", "urls", "add-button", "problems");

/** Posts each line, one after the other, so that they appear in their order. Refused lines stay in the box. */
export function addForm() {
  // On a touch screen the return key is the only way to another line.
  const returnSubmits = !window.matchMedia("(pointer: coarse)").matches;
  input.addEventListener("keydown", (event) => {
    const submits = event.key === "Enter" && !event.isComposing && (returnSubmits ? !event.shiftKey : event.ctrlKey);
    if (!submits) return;
    event.preventDefault();
    form.requestSubmit();
  });
  input.addEventListener("input", () => {
    showCount(splitLines(input.value).length);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!input.readOnly) void submit();
  });
}

async function submit() {
  const lines = splitLines(input.value).map(withScheme);
  const urls = [...new Set(lines)];
  input.removeAttribute("aria-invalid");
  showProblems([]);
  if (urls.length === 0) {
    showProblems([t("no_address")]);
    input.setAttribute("aria-invalid", "true");
    input.focus();
    return;
  }
  const options = readOptions();
  if (options === null) return;
  if (urls.length > 1) delete options.name;
  input.readOnly = true;
  button.setAttribute("aria-disabled", "true");
  /** @type {string[]} */
  const refused = [];
  /** @type {string[]} */
  const reasons = [];
  let firstReason = "";
  const repeated = urls.filter((url) => lines.indexOf(url) !== lines.lastIndexOf(url));
  for (const [index, url] of urls.entries()) {
    if (urls.length > 1) button.textContent = t("adding", { number: index + 1, count: urls.length });
    const { reason, isOfOption, isLast } = await post(url, options);
    if (reason !== "") {
      refused.push(url);
      firstReason ||= reason;
      if (!isOfOption) reasons.push(urls.length > 1 && !reason.includes(url) ? `${t("problem_of", { url })}${reason}` : reason);
    }
    if (isLast) {
      refused.push(...urls.slice(index + 1));
      break;
    }
  }
  input.readOnly = false;
  button.removeAttribute("aria-disabled");
  input.value = refused.join("\n");
  showCount(refused.length);
  showProblems([...repeated.map((url) => t("repeated", { url })), ...reasons]);
  if (refused.length === 0) clearOptions();
  if (reasons.length > 0) input.setAttribute("aria-invalid", "true");
  if (refused.length === 0 || reasons.length > 0) input.focus();

  const added = urls.length - refused.length;
  announce(t("added", { count: added }));
  if (refused.length > 0) announce(`${t("not_added", { count: refused.length })}${firstReason}`);
}

/**
 * @param {string} url
 * @param {Record<string, unknown>} options
 * @returns {Promise<{reason: string, isOfOption?: boolean, isLast?: boolean}>} reason: why it wasn't added, "" when it was;
 *   isOfOption: it stands beside that option; isLast: no further address would be added
 */
async function post(url, options) {
  try {
    const response = await fetch(form.action, {
      method: "POST",
      headers: { ...token.headers, "content-type": "application/json" },
      body: JSON.stringify({ url, ...options, ...(existing.delete(url) && { again: true }) }),
      signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
    });
    if (!response.ok) {
      const detail = await errorDetail(response);
      const isOfOption = showRefusal(detail);
      return { reason: foreign(detail.replace(/^url: /, "")), isOfOption, isLast: isOfOption };
    }
    const record = await response.json().catch(() => null);
    if (!record?.existing) return { reason: "" };
    existing.add(url);
    const name = typeof record.name === "string" ? record.name : "";
    const state = t(STATES[record.state] ?? "is_queued");
    return { reason: t(name ? "existing_as" : "existing", { name, state }) };
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    const reason = isLate ? t("no_answer_for", { seconds: RESPONSE_TIMEOUT_MS / 1000 }) : t("unreachable");
    return { reason, isLast: true };
  }
}

/**
 * @param {string} text
 * @returns {string[]} its lines, trimmed, without empty ones
 */
function splitLines(text) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}

/** @param {number} count of addresses */
function showCount(count) {
  button.textContent = count > 1 ? t("add_many", { count }) : t("add");
  allowName(count);
}

/**
 * @param {string[]} reasons each printable
 */
function showProblems(reasons) {
  const texts = reasons.slice(0, MAX_SHOWN_PROBLEMS);
  if (reasons.length > MAX_SHOWN_PROBLEMS) texts.push(t("more", { count: reasons.length - MAX_SHOWN_PROBLEMS }));
  problems.replaceChildren(
    ...texts.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }),
  );
}
