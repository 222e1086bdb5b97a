// The token that this page shows where tokens are wanted. It stays in its tab, and no address ever holds it.

/** What a header can carry (RFC 6750 §2.1), a little more than a JSON Web Token needs. */
const SENDABLE = /^[\x21-\x7e]+$/;

export class Token {
  /** "" while there is none. */
  text = "";
  #isExpected;
  #key;

  /**
   * @param {object} options
   * @param {boolean} options.isExpected whether the server says in its page that it wants one
   * @param {string} options.path of the page: another service of the same origin wants another one
   */
  constructor({ isExpected, path }) {
    this.#isExpected = isExpected;
    this.#key = `simulcast token ${path}`;
    try {
      this.text = sessionStorage.getItem(this.#key) ?? "";
    } catch {
      // No storage is allowed here: a reload asks again.
    }
  }

  /** Whether the server waits for one before it tells anything. */
  get isWanted() {
    return this.#isExpected || this.text !== "";
  }

  /** For each request. @returns {Record<string, string>} */
  get headers() {
    return this.text === "" ? {} : { authorization: `Bearer ${this.text}` };
  }

  /**
   * @param {string} text
   * @returns {boolean} false for what can be no token; then nothing changes
   */
  use(text) {
    if (!SENDABLE.test(text)) return false;
    this.text = text;
    try {
      sessionStorage.setItem(this.#key, text);
    } catch {
      // As above.
    }
    return true;
  }
}
