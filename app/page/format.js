// Numbers and foreign text, formatted for people. Pure: no DOM, no clock.

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const MAX_TEXT_CHARS = 500;
const COUNT = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const TIME = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

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
  return [unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1), UNITS[unit]];
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
  return `${formatSize(bytesPerSecond)}/s`;
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
 * Coarser the longer it is, so that it doesn't flicker.
 * @param {number} seconds
 * @returns {string} "12 s", "3 min", "1 h 05 min", "3 d"
 */
export function formatDuration(seconds) {
  if (seconds < 59.5) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  const days = Math.round(minutes / 1440);
  return days > 999 ? "years" : `${days} d`;
}

/**
 * @param {number} seconds since 1970
 * @returns {string} "Nov 30, 2026, 6:07:51 PM"
 */
export function formatTime(seconds) {
  return seconds < 8.64e12 ? TIME.format(seconds * 1000) : "";
}

/**
 * Foreign text, cut to the length that a row can hold. Control and direction characters, which could hide the end of a
 * name, become visible.
 * @param {string} text
 * @returns {string}
 */
export function printable(text) {
  const cut = text.length > MAX_TEXT_CHARS ? `${text.slice(0, MAX_TEXT_CHARS)}…` : text;
  return cut.replace(/[\u0000-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 * @returns {string} "1 job", "2 jobs"
 */
export function withCount(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
