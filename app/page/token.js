// The token that this page sends where tokens are required. It stays in its tab, and no address ever holds it.

/** The characters that a header can carry (RFC 6750 §2.1), a few more than a JSON Web Token needs. */
const SENDABLE = /^[\x21-\x7e]+$/;

/** An item of this page alone: another service of the same origin requires another token. */
const KEY = `simulcast token ${new URL(".", document.baseURI).pathname}`;
/** True if the server's page says that it requires one. */
const IS_EXPECTED = "tokens" in document.documentElement.dataset;

class Token {
  /** "" while there is none. */
  text = "";

  constructor() {
    try {
      this.text = sessionStorage.getItem(KEY) ?? "";
    } catch {
      // Storage is forbidden here: the page asks again after a reload.
    }
  }

  /** True if the server waits for one before it sends anything. */
  get isRequired() {
    return IS_EXPECTED || this.text !== "";
  }

  /** The headers of each request. @returns {Record<string, string>} */
  get headers() {
    return this.text === "" ? {} : { authorization: `Bearer ${this.text}` };
  }

  /**
   * @param {string} text
   * @returns {boolean} false, without a change, for text that can't be a token
   */
  set(text) {
    if (!SENDABLE.test(text)) return false;
    this.text = text;
    try {
      sessionStorage.setItem(KEY, text);
    } catch {
      // As in the constructor.
    }
    return true;
  }
}

export const token = new Token();
