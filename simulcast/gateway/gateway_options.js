// The options of a Gateway, which gateway.d.ts documents. One that is undefined or null has its default.

/** Between two attempts, whatever the options say. */
const MIN_DELAY_MS = 10;
/** A longer timer fires immediately (HTML standard, §8.6). */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Returns the options with `defaults` for those that are missing. Throws TypeError for one that makes no sense. */
export function checkedOptions(options, defaults) {
  const given = Object.entries(options ?? {}).filter(([, value]) => value != null);
  const checked = { ...defaults, ...Object.fromEntries(given) };
  for (const name of Object.keys(defaults).filter((each) => each.endsWith("Ms"))) {
    const value = checked[name];
    if (typeof value !== "number" || !(value >= 0)) {
      throw new TypeError(`${name} is a number of milliseconds, 0 or more, not ${String(value)}`);
    }
    // The delays may be infinite: no attempt follows then.
    if (!name.endsWith("DelayMs")) checked[name] = Math.min(value, MAX_TIMER_MS);
  }
  if (!Array.isArray(checked.subprotocols)) throw new TypeError("subprotocols is an array of names");
  return checked;
}

/** Returns the delay of a Gateway's `reconnectDelayMs`, which may be set at any time, to anything. */
export function reconnectDelay(value, defaultMs) {
  return Math.max(typeof value === "number" && value >= 0 ? value : defaultMs, MIN_DELAY_MS);
}
