// The server's own list of downloads, read over HTTP.

import { token } from "./token.js";

/**
 * @typedef {object} DownloadRecord a record of GET downloads; any member may be missing or wrong
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
const PAGE_SIZE = 500;
const MAX_PAGES = 10;
const ADDRESS = new URL("downloads", document.baseURI).href;

/** The list can't be read, temporarily or at all. */
export class RecordsUnavailable extends Error {
  /** @param {boolean} isTemporary whether a later attempt may succeed */
  constructor(isTemporary) {
    super(isTemporary ? "the list of downloads can't be read now" : "this server has no list of downloads");
    this.isTemporary = isTemporary;
  }
}

/**
 * All records, newest first; of more than 5,000 the newest.
 * @returns {Promise<{records: DownloadRecord[], isComplete: boolean, hasShrunk: boolean}>} isComplete: no record can be
 *   missing; hasShrunk: one can, since others were deleted meanwhile, so that another attempt helps
 * @throws {RecordsUnavailable}
 */
export async function listRecords() {
  /** @type {DownloadRecord[]} */
  const records = [];
  /** @type {number | null} */
  let total = null;
  let hasShrunk = false;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = `?sort=created_at&order=desc&offset=${page * PAGE_SIZE}&limit=${PAGE_SIZE}`;
    const body = /** @type {{downloads?: unknown, total?: unknown} | null} */ (await get(query));
    if (!Array.isArray(body?.downloads)) throw new RecordsUnavailable(false);
    records.push(...body.downloads.filter((record) => typeof record === "object" && record !== null));
    // Each deletion between two pages moves one record from the later page to the earlier, which was read already.
    if (total !== null && Number(body.total) < total) hasShrunk = true;
    total = Number(body.total);
    if (body.downloads.length < PAGE_SIZE) return { records, isComplete: !hasShrunk, hasShrunk };
  }
  return { records, isComplete: false, hasShrunk: false };
}

/**
 * @param {string} downloadId
 * @returns {Promise<DownloadRecord | null>} null when the server has none
 * @throws {RecordsUnavailable}
 */
export async function getRecord(downloadId) {
  const body = await get(`/${encodeURIComponent(downloadId)}`);
  return typeof body === "object" ? body : null;
}

/**
 * @param {string} suffix of the list's address
 * @returns {Promise<unknown>} null for 404
 */
async function get(suffix) {
  try {
    const response = await fetch(ADDRESS + suffix, { headers: token.headers, signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS) });
    if (response.status === 404) return null;
    if (!response.ok) throw new RecordsUnavailable(true);
    return await response.json();
  } catch {
    throw new RecordsUnavailable(true);
  }
}
