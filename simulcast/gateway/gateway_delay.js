// When the next attempt may follow. Python: simulcast/gateway/reconnect_policy.py.

import { MAX_TIMER_MS } from "./gateway_options.js";

const JITTER = 0.2;
const MAX_RETRY_AFTER_MS = 3_600_000;
/** The least delay after an expired token, if the connection before expired a moment ago, too. */
const MIN_REFRESH_DELAY_MS = 1_000;

/** The time of a Retry-After header in milliseconds, 0 to an hour; 0 also for one that makes no sense (RFC 9110 §10.2.3). */
export function parseRetryAfter(header) {
  const text = String(header ?? "").trim();
  const delayMs = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Math.min(Math.max(delayMs || 0, 0), MAX_RETRY_AFTER_MS);
}

export class ReconnectDelay {
  #refreshedAt = -Infinity;
  #noAttemptBefore = -Infinity;
  #retryAfterMs = 0;

  /** Lets the next attempt wait for the time of a Retry-After header, where there is one. */
  heedRetryAfter(header) {
    if (!header) return;
    this.#retryAfterMs = parseRetryAfter(header) * (1 + JITTER * Math.random());
    this.#noAttemptBefore = Date.now() + this.#retryAfterMs;
  }

  /** Returns 0, or a delay where the last new token expired immediately: another would probably do so too. */
  afterExpiry(delayMs) {
    const leastMs = Math.max(delayMs, MIN_REFRESH_DELAY_MS);
    const sinceMs = Date.now() - this.#refreshedAt;
    this.#refreshedAt = Date.now();
    return sinceMs < 2 * leastMs ? leastMs : 0;
  }

  /** Returns a fifth less or more at most, so that clients that were cut simultaneously come back one by one. */
  jittered(delayMs) {
    const waitMs = Math.min(this.#noAttemptBefore - Date.now(), this.#retryAfterMs); // the clock may be set back
    const laterMs = Math.max(delayMs * (1 + JITTER * (2 * Math.random() - 1)), waitMs);
    return laterMs < Infinity ? Math.min(laterMs, MAX_TIMER_MS) : laterMs;
  }
}
