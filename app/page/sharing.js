// Links that come with the page's own address: what is shared with the installed page, and what the bookmarklet sends.

import { byId } from "./dom.js";
import { fillIn } from "./incoming.js";
import { linksIn } from "./links.js";
import { t } from "./messages.js";

const PARAMETERS = ["url", "text", "title"];
const [bookmarklet] = byId("bookmarklet");

/**
 * Fills the form, and adds nothing: any site may link to this page. So the form gets no focus either, where a key that was
 * meant for that site would add.
 */
function takeShared() {
  const { searchParams, pathname } = new URL(location.href);
  const text = PARAMETERS.map((name) => searchParams.get(name) ?? "").join("\n");
  if (text.trim() === "") return;
  history.replaceState(history.state, "", pathname); // a reload would fill it again
  fillIn(linksIn(text), false);
}

/** @param {(text: string) => void} tell */
export function acceptLinks(tell) {
  takeShared();
  const address = JSON.stringify(new URL("./?url=", document.baseURI).href);
  bookmarklet.href = `javascript:void open(${address}+encodeURIComponent(location.href))`;
  bookmarklet.addEventListener("click", (/** @type {Event} */ event) => {
    event.preventDefault();
    tell(t("bookmarklet_hint"));
  });
}
