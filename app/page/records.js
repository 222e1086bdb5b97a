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
 * @property {unknown} [start_at] s since 1970
 * @property {unknown} [folder] below the download folder
 * @property {unknown} [worker]
 * @property {unknown} [limit_bytes_per_s]
 * @property {unknown} [priority]
 * @property {unknown} [queue_rank] the place in the queue
 * @property {unknown} [owner]
 */

const RESPONSE_TIMEOUT_MS = 15_000;

/**
 * @typedef {object} Page of one of the server's lists
 * @property {ServerRecord[]} records
 * @property {number} total of all pages
 * @property {string} nextCursor of the next page; "" behind the last one
 */

/** The list can't be read, temporarily or at all. */
export class RecordsUnavailable extends Error {
  /** @param {boolean} isTemporary whether a later attempt may succeed */
  constructor(isTemporary) {
    super(isTemporary ? "the server's lists can't be read now" : "this server has no list");
    this.isTemporary = isTemporary;
  }
}

/**
 * @param {"downloads" | "jobs"} name
 * @param {Record<string, string>} query
 * @returns {Promise<Page | null>} null when the server has no such list
 * @throws {RecordsUnavailable}
 */
export async function readPage(name, query) {
  const body = /** @type {Record<string, unknown> | null} */ (await get(`${name}?${new URLSearchParams(query)}`));
  const listed = body?.[name];
  if (!Array.isArray(listed)) return null;
  return {
    records: listed.filter((record) => typeof record === "object" && record !== null),
    total: Number(body?.total),
    nextCursor: typeof body?.next_cursor === "string" ? body.next_cursor : "",
  };
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
