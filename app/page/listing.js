// One of the server's lists, read page by page, newest first, or as workers claim.

import { readPage } from "./records.js";

/** @typedef {import("./records.js").ServerRecord} ServerRecord */

const PAGE_SIZE = 500;

export class Listing {
  /** The records that were read. */
  count = 0;
  /** Of those on the server, as the last page said. */
  total = 0;
  /** It has been read down to the records that were created then, ms; of the queue, to this `queue_rank`, negated. */
  horizon = Infinity;
  isDone = false;
  /** The server has no such list. */
  isMissing = false;
  #cursor = "";
  /** The page that is under way. @type {Promise<ServerRecord[]> | null} */
  #next = null;
  #name;
  #query;

  /**
   * @param {"downloads" | "jobs"} name
   * @param {Record<string, string>} [query] such as the state
   */
  constructor(name, query = {}) {
    this.#name = name;
    this.#query = query;
  }

  /**
   * @returns {Promise<ServerRecord[]>} the next page, from its end
   * @throws {import("./records.js").RecordsUnavailable}
   */
  async read() {
    this.#next ??= this.#readNext();
    try {
      return await this.#next;
    } finally {
      this.#next = null;
    }
  }

  /**
   * Asks how many there are now.
   * @throws {import("./records.js").RecordsUnavailable}
   */
  async ask() {
    await this.#get({ limit: "1" });
  }

  /** @returns {Promise<ServerRecord[]>} */
  async #readNext() {
    const page = await this.#get({ limit: String(PAGE_SIZE), ...(this.#cursor && { cursor: this.#cursor }) });
    const records = page?.records ?? [];
    const last = records.at(-1);
    const depth = this.#query.sort === "queue" ? -Number(last?.queue_rank) : Number(last?.created_at) * 1000;
    this.isMissing = page === null;
    this.isDone = page === null || page.nextCursor === "";
    this.#cursor = page?.nextCursor ?? "";
    this.count += records.length;
    if (depth) this.horizon = Math.min(depth, this.horizon);
    return records.reverse();
  }

  /** @param {Record<string, string>} query */
  async #get(query) {
    const page = await readPage(this.#name, { ...this.#query, ...query });
    this.total = page?.total || 0;
    return page;
  }
}
