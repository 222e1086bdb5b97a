// The server's own lists of downloads and of jobs of other kinds, read over HTTP.

import { token } from "./token.js";

/**
 * @typedef {object} ServerRecord a record of GET downloads or GET jobs; any member may be missing or wrong
 * @property {unknown} [download_id]
 * @property {unknown} [job_id] in place of download_id
 * @property {unknown} [kind]
 * @property {unknown} [cancel_requested]
 * @property {unknown} [state]
 * @property {unknown} [name]
 * @property {unknown} [url]
 * @property {unknown} [attempt]
 * @property {unknown} [created_at] s since 1970
 * @property {unknown} [speed] bytes a second
 * @property {unknown} [received_bytes]
 * @property {unknown} [updated_at] s since 1970
 * @property {unknown} [retries] failed tries of the attempt
 * @property {unknown} [retry_at] s since 1970
 * @property {unknown} [worker]
 * @property {unknown} [limit_bytes_per_s]
 * @property {unknown} [priority]
 * @property {unknown} [owner]
 */

const RESPONSE_TIMEOUT_MS = 15_000;
const PAGE_SIZE = 500;
const MAX_PAGES = 10;
/** The path of each list, and its query. Jobs come newest first. */
const LISTS = { downloads: "sort=created_at&order=desc&", jobs: "" };

/** The list can't be read, temporarily or at all. */
export class RecordsUnavailable extends Error {
  /** @param {boolean} isTemporary whether a later attempt may succeed */
  constructor(isTemporary) {
    super(isTemporary ? "the server's lists can't be read now" : "this server has no list");
    this.isTemporary = isTemporary;
  }
}

/**
 * All records, oldest first; of more than 5,000 downloads the newest, and of jobs likewise.
 * @returns {Promise<{records: ServerRecord[], isComplete: boolean, hasShrunk: boolean}>} isComplete: no record can be
 *   missing; hasShrunk: one can, since others were deleted meanwhile, so that another attempt helps
 * @throws {RecordsUnavailable}
 */
export async function listRecords() {
  const names = /** @type {("downloads" | "jobs")[]} */ (Object.keys(LISTS));
  const lists = (await Promise.all(names.map(listOne))).filter((list) => list !== null);
  if (lists.length === 0) throw new RecordsUnavailable(false);
  const records = lists.flatMap((list) => list.records);
  records.sort((a, b) => Number(a.created_at) - Number(b.created_at));
  return {
    records,
    isComplete: lists.every(({ isComplete }) => isComplete),
    hasShrunk: lists.some(({ hasShrunk }) => hasShrunk),
  };
}

/**
 * @param {"downloads" | "jobs"} name
 * @returns {ReturnType<typeof listRecords> | Promise<null>} null when the server has no such list
 */
async function listOne(name) {
  /** @type {ServerRecord[]} */
  const records = [];
  /** @type {number | null} */
  let total = null;
  let hasShrunk = false;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const address = `${name}?${LISTS[name]}offset=${page * PAGE_SIZE}&limit=${PAGE_SIZE}`;
    const body = /** @type {Record<string, unknown> | null} */ (await get(address));
    const listed = body?.[name];
    if (!Array.isArray(listed)) return null;
    records.push(...listed.filter((record) => typeof record === "object" && record !== null));
    // Each deletion between two pages moves one record from the later page to the earlier, which was read already.
    if (total !== null && Number(body?.total) < total) hasShrunk = true;
    total = Number(body?.total);
    if (listed.length < PAGE_SIZE) return { records, isComplete: !hasShrunk, hasShrunk };
  }
  return { records, isComplete: false, hasShrunk: false };
}

/**
 * @param {import("./downloads.js").Download} download
 * @returns {Promise<ServerRecord | null>} null when the server has none
 * @throws {RecordsUnavailable}
 */
export async function getRecord({ id, isJob }) {
  const body = await get(`${isJob ? "jobs" : "downloads"}/${encodeURIComponent(id)}`);
  return typeof body === "object" ? body : null;
}

/**
 * @param {string} path next to the page
 * @returns {Promise<unknown>} null for 404
 */
async function get(path) {
  try {
    const address = new URL(path, document.baseURI).href;
    const signal = AbortSignal.timeout(RESPONSE_TIMEOUT_MS);
    const response = await fetch(address, { headers: token.headers, signal });
    if (response.status === 404) return null;
    if (!response.ok) throw new RecordsUnavailable(true);
    return await response.json();
  } catch {
    throw new RecordsUnavailable(true);
  }
}
