// The top of the page: the state of the connection, and the totals of all downloads.

import { byId, setText } from "./dom.js";
import { formatPercent, formatSpeed } from "./format.js";
import { t } from "./messages.js";

/** @typedef {import("./gateway.js").ConnectionState} ConnectionState */

const [phase, retry, active, speed] = byId("phase", "retry", "active", "speed");
const { dataset } = document.documentElement;

/**
 * @param {ConnectionState} state
 * @param {number} now ms
 */
export function showConnection(state, now) {
  setText(phase, describe(state, now));
  if (dataset.connection === state.phase) return;
  dataset.connection = state.phase;
  const canRetry = state.phase === "lost" || state.phase === "refused";
  // A button that vanishes under the focus would throw the keyboard back to the top.
  if (!canRetry && document.activeElement === retry) phase.focus();
  retry.hidden = !canRetry;
}

/**
 * @param {import("./counts.js").Totals} totals
 * @param {boolean} isLive false without a connection, when the speed is unknown
 */
export function showTotals(totals, isLive) {
  const count = t("active_count", { count: totals.active });
  setText(active, count);
  document.documentElement.toggleAttribute("data-jobs-alone", totals.hasJobsAlone);
  setText(speed, isLive ? formatSpeed(totals.speed) : t("no_speed"));
  const percent = totals.progress === null ? [] : [formatPercent(totals.progress)];
  const counts = totals.active > 0 ? [...percent, count] : [];
  const title = [...counts, "Simulcast"].join(" · ");
  if (document.title !== title) document.title = title;
}

/**
 * @param {ConnectionState} state
 * @param {number} now ms
 * @returns {string} the state in words
 */
export function describe(state, now) {
  if (state.phase === "connected") return t(state.transport === "sse" ? "live_by_sse" : "live");
  if (state.phase === "lost") {
    const seconds = Math.max(1, Math.ceil(((state.retryAt ?? now) - now) / 1000));
    return t("next_try", { seconds });
  }
  if (state.phase !== "refused") return t("connecting");
  if (state.wantsToken) return t("token_required");
  return t("connection_refused", { reason: state.reason || t("code", { code: state.code ?? 0 }) });
}
