// The server's own list of downloads, read over HTTP.

/**
 * @typedef {object} DownloadRecord what GET downloads tells of one; anything may be missing or wrong
 * @property {unknown} [download_id]
 * @property {unknown} [state]
 * @property {unknown} [name]
 * @property {unknown} [url]
 * @property {unknown} [attempt]
 * @property {unknown} [created_at] s since 1970
 * @property {unknown} [speed] bytes a second
 * @property {unknown} [received_bytes]
 */

const RESPONSE_TIMEOUT_MS = 15_000;
const PAGE = 500;
const MAX_PAGES = 10;

/** The list can't be had now, or not at all. */
export class RecordsUnavailable extends Error {
  /** @param {boolean} forNow whether a later attempt may succeed */
  constructor(forNow) {
    super(forNow ? "the list of downloads can't be had now" : "this server has no list of downloads");
    this.forNow = forNow;
  }
}

/**
 * All records, newest first; of more than 5,000 the newest.
 * @param {string} address of the list
 * @param {Record<string, string>} headers
 * @returns {Promise<{records: DownloadRecord[], all: boolean, moved: boolean}>} all: no record can be missing; moved: one
 *   can, since some were deleted meanwhile: ask again
 * @throws {RecordsUnavailable}
 */
export async function listRecords(address, headers) {
  /** @type {DownloadRecord[]} */
  const records = [];
  /** @type {number | null} */
  let total = null;
  let moved = false;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const body = await get(`${address}?sort=created_at&order=desc&offset=${page * PAGE}&limit=${PAGE}`, headers);
    const found = /** @type {{downloads?: unknown, total?: unknown} | null} */ (body);
    if (!Array.isArray(found?.downloads)) throw new RecordsUnavailable(false);
    records.push(...found.downloads.filter((record) => typeof record === "object" && record !== null));
    // Each deletion between two pages moves one record from the later page to the earlier, where it isn't seen.
    if (total !== null && Number(found.total) < total) moved = true;
    total = Number(found.total);
    if (found.downloads.length < PAGE) return { records, all: !moved, moved };
  }
  return { records, all: false, moved: false };
}

/**
 * @param {string} address of the list
 * @param {string} downloadId
 * @param {Record<string, string>} headers
 * @returns {Promise<DownloadRecord | null>} null when the server has none
 * @throws {RecordsUnavailable}
 */
export async function oneRecord(address, downloadId, headers) {
  const body = await get(`${address}/${encodeURIComponent(downloadId)}`, headers);
  return typeof body === "object" ? body : null;
}

/**
 * @param {string} address
 * @param {Record<string, string>} headers
 * @returns {Promise<unknown>} null for 404
 */
async function get(address, headers) {
  try {
    const response = await fetch(address, { headers, signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS) });
    if (response.status === 404) return null;
    if (!response.ok) throw new RecordsUnavailable(true);
    return await response.json();
  } catch {
    throw new RecordsUnavailable(true);
  }
}
