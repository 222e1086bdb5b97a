// Groups that show their heading alone, once it was pressed. The browser remembers which.

import { byId } from "./dom.js";
import { readPreference, storePreference } from "./preferences.js";

/**
 * @param {import("./arrangement.js").Group[]} groups
 * @param {() => void} onChange
 */
export function listenForFolding(groups, onChange) {
  const folded = new Set(readPreference("folded").split(" "));
  for (const group of groups) {
    const [heading] = byId(`heading-${group.name}`);
    const button = heading?.firstElementChild;
    if (!button) continue; // that of all has none
    const fold = (/** @type {boolean} */ isFolded) => {
      group.isFolded = isFolded;
      button.setAttribute("aria-expanded", String(!isFolded));
    };
    fold(folded.has(group.name));
    button.addEventListener("click", () => {
      fold(!group.isFolded);
      storePreference("folded", groups.filter(({ isFolded }) => isFolded).map(({ name }) => name).join(" "));
      onChange();
    });
  }
}
