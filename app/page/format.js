// Numbers and times, formatted for people in their language. No clock.

import { locale, t } from "./messages.js";

/** @type {import("./messages.js").Key[]} */
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const COUNT = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
const WHOLE = new Intl.NumberFormat(locale, { maximumFractionDigits: 0, useGrouping: false });
const TENTHS = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const TWO_DIGITS = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2 });
const DAY = new Intl.DateTimeFormat(locale, { weekday: "short", timeZone: "UTC" });
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const TIME = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });

/**
 * The number and unit of a size, in steps of 1000: 1536000 → ["1.5", "MB"].
 * @param {number} bytes finite, not negative
 * @returns {[string, string]}
 */
function scale(bytes) {
  let value = bytes;
  let unit = 0;
  // 999.5 would be written as 1000 of the smaller unit.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return [(unit === 0 || value >= 99.95 ? WHOLE : TENTHS).format(value), t(UNITS[unit])];
}

/**
 * @param {number} bytes
 * @returns {string} "1.5 MB"
 */
export function formatSize(bytes) {
  return scale(bytes).join(" ");
}

/**
 * The received bytes of a total, with one unit where both share it.
 * @param {number | null} received
 * @param {number | null} total null while it is unknown
 * @returns {string} "120 / 260 MB", "980 kB / 2.1 GB", "120 MB", or "" where neither is known
 */
export function formatSizes(received, total) {
  if (!received && total === null) return "";
  if (received === null || total === null) return formatSize(received ?? total ?? 0);
  if (received === total) return formatSize(total);
  const [part, partUnit] = scale(received);
  const [all, allUnit] = scale(total);
  return partUnit === allUnit ? `${part} / ${all} ${allUnit}` : `${part} ${partUnit} / ${all} ${allUnit}`;
}

/**
 * The finished part of a job.
 * @param {number | null} done
 * @param {number | null} total null while it is unknown
 * @param {string} unit "" for none; sizes are written as those of downloads
 * @returns {string} "3 / 10 frames", "3 frames", "3 / 10", or "" where nothing is known
 */
export function formatCounts(done, total, unit) {
  if (unit === "B" || unit === "bytes") return formatSizes(done, total);
  if (done === null && total === null) return "";
  const counts = [done ?? 0, total].filter((count) => count !== null).map((count) => COUNT.format(count));
  return `${counts.join(" / ")} ${unit}`.trimEnd();
}

/**
 * @param {number} bytesPerSecond
 * @returns {string} "12.3 MB/s"
 */
export function formatSpeed(bytesPerSecond) {
  return t("speed_of", { size: formatSize(bytesPerSecond) });
}

/**
 * Rounded down, so that 100 % means all of it.
 * @param {number} progress 0 to 1
 * @returns {number} 0 to 100
 */
export function toPercent(progress) {
  // 0.29 * 100 is 28.999999999999996: a value that close to a whole number counts as that number.
  return Math.floor(progress * 100 + 1e-9);
}

/**
 * @param {number} progress 0 to 1
 * @returns {string} "42 %"
 */
export function formatPercent(progress) {
  return t("percent", { number: toPercent(progress) });
}

/**
 * Coarser the longer it is, so that it doesn't flicker.
 * @param {number} seconds
 * @returns {string} "12 s", "3 min", "1 h 05 min", "3 d"
 */
export function formatDuration(seconds) {
  if (seconds < 59.5) return t("seconds", { number: Math.max(1, Math.round(seconds)) });
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return t("minutes", { number: minutes });
  if (minutes < 48 * 60) {
    return t("hours", { hours: Math.floor(minutes / 60), minutes: TWO_DIGITS.format(minutes % 60) });
  }
  const days = Math.round(minutes / 1440);
  return days > 999 ? t("years") : t("days", { number: days });
}

/**
 * @param {number} seconds since 1970
 * @returns {string} "Nov 30, 2026, 6:07:51 PM"
 */
export function formatTime(seconds) {
  // Some languages have marks of direction in it, which are for foreign text alone to see.
  return seconds < 8.64e12 ? TIME.format(seconds * 1000).replace(/\u200f/g, "") : "";
}

/**
 * @param {string[]} days such as "mon"
 * @returns {string} "Mon, Wed"
 */
export function formatDays(days) {
  const dates = days.map((day) => Date.UTC(2024, 0, 1 + DAYS.indexOf(day))); // that year began on a Monday
  return dates.map((date) => DAY.format(date)).join(t("comma"));
}
