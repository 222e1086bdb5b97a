// The form that adds downloads, one URL a line.

import { counted, shown } from "./format.js";

const RESPONSE_TIMEOUT_MS = 15_000;
const ERRORS_SHOWN = 8;

/**
 * @typedef {object} AddForm
 * @property {HTMLFormElement} form its `action` is where the URLs are posted to
 * @property {HTMLTextAreaElement} input
 * @property {HTMLButtonElement} button
 * @property {HTMLElement} problems a list for what went wrong
 * @property {import("./token.js").Token} token
 * @property {(sentence: string) => void} say
 */

/**
 * Posts each line, one after the other, so that they appear in their order. Lines that were refused stay in the box.
 * @param {AddForm} elements
 */
export function addForm(elements) {
  const { form, input, button } = elements;
  // Where a finger types, the return key is the only way to another line.
  const returnAdds = !window.matchMedia("(pointer: coarse)").matches;
  input.addEventListener("keydown", (event) => {
    const adds = event.key === "Enter" && !event.isComposing && (returnAdds ? !event.shiftKey : event.ctrlKey);
    if (!adds) return;
    event.preventDefault();
    form.requestSubmit();
  });
  input.addEventListener("input", () => {
    button.textContent = labelFor(lines(input.value).length);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!input.readOnly) void submit(elements);
  });
}

/** @param {AddForm} elements */
async function submit({ form, input, button, problems, token, say }) {
  const urls = lines(input.value);
  problems.replaceChildren();
  input.removeAttribute("aria-invalid");
  if (urls.length === 0) {
    tell(problems, ["Enter the address of what you want to download, such as https://example.org/file.iso"]);
    input.setAttribute("aria-invalid", "true");
    input.focus();
    return;
  }
  input.readOnly = true;
  button.setAttribute("aria-disabled", "true");
  /** @type {string[]} */
  const refused = [];
  /** @type {string[]} */
  const reasons = [];
  for (const [index, url] of urls.entries()) {
    if (urls.length > 1) button.textContent = `Adding ${index + 1} of ${urls.length}`;
    const { reason, reached } = await post(form.action, url, token.headers);
    if (reason !== "") {
      refused.push(url);
      reasons.push(urls.length > 1 && !reason.includes(url) ? `${url}: ${reason}` : reason);
    }
    if (!reached) {
      refused.push(...urls.slice(index + 1));
      break;
    }
  }
  input.readOnly = false;
  button.removeAttribute("aria-disabled");
  input.value = refused.join("\n");
  button.textContent = labelFor(refused.length);
  tell(problems, reasons);
  if (refused.length > 0) input.setAttribute("aria-invalid", "true");
  input.focus();

  const added = urls.length - refused.length;
  const first = reasons.length > 0 ? ` ${counted(refused.length, "address", "addresses")} not added: ${reasons[0]}` : "";
  say(`${counted(added, "download")} added.${first}`);
}

/**
 * @param {string} action
 * @param {string} url
 * @param {Record<string, string>} headers
 * @returns {Promise<{reason: string, reached: boolean}>} reason: why it wasn't added, "" when it was;
 *   reached: whether a server answered at all
 */
async function post(action, url, headers) {
  try {
    const response = await fetch(action, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({ url }),
      signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
    });
    if (response.ok) return { reason: "", reached: true };
    const body = await response.json().catch(() => null);
    return { reason: detailOf(body) || `the server answered ${response.status}`, reached: true };
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    const reason = late ? `no answer for ${RESPONSE_TIMEOUT_MS / 1000} s` : "the server can't be reached";
    return { reason: `${reason}; try again`, reached: false };
  }
}

/**
 * @param {unknown} body an error's body: `detail` is a sentence, or FastAPI's list of what is wrong with which member
 * @returns {string} in words; "" when it holds none
 */
export function detailOf(body) {
  const detail = /** @type {{detail?: unknown} | null} */ (body)?.detail;
  if (typeof detail === "string") return detail.replace(/^url: /, "");
  if (!Array.isArray(detail)) return "";
  return detail
    .map((item) => (typeof item?.msg === "string" ? item.msg.replace(/^Value error, /, "") : ""))
    .filter(Boolean)
    .join("; ");
}

/**
 * @param {string} text
 * @returns {string[]}
 */
function lines(text) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}

/**
 * @param {number} count
 * @returns {string}
 */
function labelFor(count) {
  return count > 1 ? `Add ${count}` : "Add";
}

/**
 * @param {HTMLElement} problems
 * @param {string[]} reasons
 */
function tell(problems, reasons) {
  const words = reasons.slice(0, ERRORS_SHOWN);
  if (reasons.length > ERRORS_SHOWN) words.push(`and ${reasons.length - ERRORS_SHOWN} more`);
  problems.replaceChildren(
    ...words.map((reason) => {
      const item = document.createElement("li");
      item.textContent = shown(reason);
      return item;
    }),
  );
}
