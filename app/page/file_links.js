// The addresses of finished files. Where the page has a token, which no link can send, the server signs links for minutes.

import { errorDetail } from "./gateway_sse.js";
import { foreign, t } from "./messages.js";
import { token } from "./token.js";

const RESPONSE_TIMEOUT_MS = 15_000;

/** Why there is no link; the message is a sentence for the person. */
export class LinkRefused extends Error {}

/**
 * @param {string} address of a finished file: absolute, but only good where no token is wanted
 * @returns {Promise<{href: string, expiresAt: number | null}>} one that needs no token, until then: s since 1970
 * @throws {LinkRefused}
 */
export async function linkTo(address) {
  if (token.text === "") return { href: address, expiresAt: null };
  const signal = AbortSignal.timeout(RESPONSE_TIMEOUT_MS);
  const headers = { ...token.headers, "content-type": "application/json" };
  const response = await fetch(`${address}/link`, { method: "POST", headers, signal }).catch(() => null);
  if (!response?.ok) {
    throw new LinkRefused(t("file_refused") + (response ? foreign(await errorDetail(response)) : t("unreachable")));
  }
  const { url, expires_at } = await response.json();
  return { href: address + new URL(url, address).search, expiresAt: expires_at }; // a proxy may have moved the path
}

/** @param {(problem: string) => void} onProblem */
export function listenForSaves(onProblem) {
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a[download]");
    if (!(link instanceof HTMLAnchorElement) || token.text === "") return;
    event.preventDefault();
    linkTo(link.href).then(({ href }) => save(href), ({ message }) => onProblem(message));
  });
}

/** @param {string} href */
function save(href) {
  const link = document.createElement("a");
  link.href = href;
  link.download = "";
  link.click();
}
