// Addresses of the server: its WebSocket, and the HTTP routes next to it.

/** The server of each Gateway without one in its options. null: next to the page; in Node localhost:8080. */
export const Config = { serverHost: null, serverPort: null };

const DEFAULT_PORT = 8080;

/** The WebSocket's address. Throws TypeError for options that make no sense. */
export function socketAddress({ url, host = Config.serverHost, port = Config.serverPort }) {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href ?? "";
  const page = /^https?:/.test(base) ? new URL(base) : null;
  const isNextToPage = url == null && host == null && port == null && page !== null;
  const name = host ?? page?.hostname ?? "localhost";
  const bracketed = name.includes(":") && !name.startsWith("[") ? `[${name}]` : name;
  const scheme = page?.protocol === "https:" ? "wss" : "ws";
  const text = url ?? (isNextToPage ? "ws" : `${scheme}://${bracketed}:${port ?? DEFAULT_PORT}/ws`);
  const address = new URL(text, page ?? undefined);
  if (page && !/^[a-z][a-z0-9+.-]*:/i.test(text)) address.protocol = scheme;
  if (!["ws:", "wss:"].includes(address.protocol)) {
    throw new TypeError(`a Gateway's url begins with ws:// or wss://, unlike ${address.protocol}`);
  }
  address.hash = "";
  return address;
}

/** The same address with `since` and `channels` in place of its own; each is unchanged where it is empty. */
export function resumeAddress(address, { since, channels }) {
  const replaced = [...(since ? [["since", since]] : []), ...channels.map((channel) => ["channel", channel])];
  if (replaced.length === 0) return address;
  const names = new Set(replaced.map(([name]) => name));
  const pairs = address.search.slice(1).split("&").filter((pair) => pair && !names.has(pair.split("=")[0]));
  const resumed = new URL(address);
  // ":" and "," need no escape (RFC 3986 §3.4), and servers and proxies bound the length of a URL.
  const encoded = (value) => encodeURIComponent(value).replaceAll("%3A", ":").replaceAll("%2C", ",");
  resumed.search = [...pairs, ...replaced.map(([name, value]) => `${name}=${encoded(value)}`)].join("&");
  return resumed;
}

/** The HTTP address of a route next to the WebSocket: `/base/ws` → `/base/health`. */
export function siblingAddress(address, name, query = "") {
  const path = address.pathname.replace(/\/+$/, "").replace(/[^/]*$/, name);
  return `${address.protocol === "wss:" ? "https" : "http"}://${address.host}${path}${query}`;
}

/** Returns the text of an error, which may quote the token, or have no text. */
export function textWithout(token, error) {
  try {
    return String(error).replaceAll(token || "bearer", "…");
  } catch {
    return "token() failed";
  }
}
