// One of the server's lists, read page by page, newest first.

import { readPage } from "./records.js";

/** @typedef {import("./records.js").ServerRecord} ServerRecord */

const PAGE_SIZE = 500;

export class Listing {
  /** The records that were read. */
  count = 0;
  /** Of those on the server, as the last page said. */
  total = 0;
  /** It has been read down to the records that were created then, ms. */
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
   * @returns {Promise<ServerRecord[]>} the next page, oldest first
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
    const last = Number(records.at(-1)?.created_at);
    this.isMissing = page === null;
    this.isDone = page === null || page.nextCursor === "";
    this.#cursor = page?.nextCursor ?? "";
    this.count += records.length;
    if (last) this.horizon = last * 1000;
    return records.reverse();
  }

  /** @param {Record<string, string>} query */
  async #get(query) {
    const page = await readPage(this.#name, { ...this.#query, ...query });
    this.total = page?.total || 0;
    return page;
  }
}
