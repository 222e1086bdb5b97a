// Notifications of ends while the page is not seen. Off until the person asks for them.

import { announce, sayEnd } from "./announcer.js";
import { byId } from "./dom.js";
import { t } from "./messages.js";
import { readPreference, storePreference } from "./preferences.js";

/** @typedef {import("./announcer.js").End} End */

/** So that many ends are one notification. */
const COLLECT_MS = 2_000;
const MAX_NAMED = 3;

const [button] = byId("notify");

export class Notifications {
  /** Ends that are not told yet, in words. @type {string[]} */
  #ends = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #isOn = false;

  constructor() {
    // Without encryption only pages of this machine have them.
    button.hidden = !("Notification" in window) || !window.isSecureContext;
    if (button.hidden) return;
    this.#turn(readPreference("notify") === "on" && Notification.permission === "granted");
    button.addEventListener("click", () => void this.#toggle());
  }

  /**
   * @param {End} end
   * @param {string} name
   */
  tell(end, name) {
    if (!this.#isOn || document.visibilityState === "visible") return;
    this.#ends.push(sayEnd(end, name));
    this.#timer ??= setTimeout(() => this.#show(), COLLECT_MS);
  }

  async #toggle() {
    if (this.#isOn) this.#turn(false);
    else if ((await Notification.requestPermission()) === "granted") this.#turn(true);
    else announce(t("notify_refused"));
    storePreference("notify", this.#isOn ? "on" : "");
  }

  /** @param {boolean} isOn */
  #turn(isOn) {
    this.#isOn = isOn;
    button.setAttribute("aria-pressed", String(isOn));
  }

  #show() {
    this.#timer = undefined;
    const ends = this.#ends.splice(0);
    const body = ends.length > MAX_NAMED ? t("ends", { count: ends.length }) : ends.join("\n");
    try {
      const notification = new Notification("Simulcast", { body, icon: "page/icon.svg", tag: "simulcast" });
      notification.addEventListener("click", () => {
        window.focus();
        notification.close();
      });
    } catch {
      this.#turn(false); // some phones show those of installed pages alone
    }
  }
}
