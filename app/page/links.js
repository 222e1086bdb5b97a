// Addresses in what a person types, pastes or drops. No clock, no elements of the page.

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;
/** As in mailto:, but not the port in localhost:8080. */
const OTHER_SCHEME = /^[a-z][a-z0-9+.-]*:(?!\d)/i;
const LINKS = /\b(?:https?|ftps?|sftp):\/\/[^\s<>"']+/gi;
const HOST_AND_PATH = /^(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:\/\S*)?$/i;

/**
 * @param {string} address
 * @returns {string} with https:// where it has no scheme
 */
export function withScheme(address) {
  if (SCHEME.test(address)) return address;
  if (address.startsWith("//")) return `https:${address}`;
  return OTHER_SCHEME.test(address) ? address : `https://${address}`;
}

/**
 * @param {string} text
 * @returns {string[]} the links in it, each once; where it has none, the lines that are a host and a path
 */
export function linksIn(text) {
  const links = (text.match(LINKS) ?? []).map(withoutPunctuation);
  if (links.length > 0) return unique(links);
  return unique(text.split("\n").map((line) => line.trim()).filter((line) => HOST_AND_PATH.test(line)).map(withScheme));
}

/**
 * @param {DataTransfer} transfer of a paste or a drop
 * @returns {string[]} the links in it, each once
 */
export function linksOf(transfer) {
  const uris = transfer.getData("text/uri-list").split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("#"));
  if (uris.length > 0) return unique(uris);
  const links = linksIn(transfer.getData("text/plain"));
  if (links.length > 0) return links;
  const html = new DOMParser().parseFromString(transfer.getData("text/html"), "text/html");
  const targets = Array.from(html.querySelectorAll("a[href]"), (link) => link.getAttribute("href") ?? "");
  return unique(targets.filter((target) => SCHEME.test(target)));
}

/**
 * @param {string} link as it stands in a sentence
 * @returns {string}
 */
function withoutPunctuation(link) {
  const end = link.includes("(") ? /[.,;:!?\]}]+$/ : /[.,;:!?\])}]+$/;
  return link.replace(end, "");
}

/**
 * @param {string[]} links
 * @returns {string[]}
 */
function unique(links) {
  return [...new Set(links)];
}
