// The choice of the order of rows: those that run first, or the newest first.

import { byId } from "./dom.js";
import { readPreference, storePreference } from "./preferences.js";

const [select] = byId("order");

/** @param {(isByState: boolean) => void} onChange is called for a stored choice too */
export function orderChoice(onChange) {
  select.addEventListener("change", () => {
    storePreference("order", select.value);
    onChange(select.value === "state");
  });
  if (readPreference("order") !== "creation") return;
  select.value = "creation";
  onChange(false);
}
