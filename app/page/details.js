// The drawer with all that is known of one download or job, its speed as a plot, and forms to change it.

import { DetailsChanges } from "./details_changes.js";
import { byId, setText } from "./dom.js";
import { displayName } from "./downloads.js";
import { factsOf } from "./details_text.js";
import { LinkRefused, linkTo } from "./file_links.js";
import { formatTime } from "./format.js";
import { t } from "./messages.js";
import { printable } from "./printable.js";
import { getRecord, RecordsUnavailable } from "./records.js";
import { hasFile } from "./row_actions.js";
import { describeSpeeds, drawSpeeds } from "./speed_chart.js";

/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./records.js").ServerRecord} ServerRecord */

const [drawer, title, list, close, note] =
  byId("details", "details-title", "details-list", "details-close", "details-note");
const [plot, line, area, speeds] = byId("details-plot", "details-line", "details-area", "details-speeds");
const [copyAddress, copyPath, save, copyLink] = byId("copy-address", "copy-path", "details-save", "copy-link");

export class Details {
  /** @type {Download | null} */
  #download = null;
  /** The newest that the server sent of it. @type {ServerRecord} */
  #record = {};
  /** The element of each fact. @type {Map<string, HTMLElement>} */
  #facts = new Map();
  #speeds;
  #changes;

  /**
   * @param {import("./speed_history.js").SpeedHistory} history
   * @param {import("./details_changes.js").Request} request
   */
  constructor(history, request) {
    this.#speeds = history;
    this.#changes = new DetailsChanges(request, (download, text) => {
      if (this.#download !== download) return;
      note.textContent = text;
      void this.read();
    });
    close.addEventListener("click", () => drawer.close());
    drawer.addEventListener("close", () => {
      this.#download = null;
    });
    drawer.addEventListener("click", (/** @type {Event} */ event) => {
      if (event.target === drawer) drawer.close(); // beside it
    });
    copyAddress.addEventListener("click", () => void this.#copy(this.#download?.url, t("address_copied")));
    copyPath.addEventListener("click", () => void this.#copy(this.#download?.filePath, t("path_copied")));
    copyLink.addEventListener("click", () => void this.#copyLink());
  }

  /** @param {Download} download */
  open(download) {
    this.#download = download;
    this.#record = {};
    note.textContent = "";
    this.#changes.open(download);
    this.draw(Date.now());
    void this.read();
    drawer.showModal();
  }

  /**
   * @param {string} id
   * @returns {boolean} whether it is the one that is shown
   */
  shows(id) {
    return this.#download?.id === id;
  }

  /** To be called when the one that is shown is gone. */
  close() {
    drawer.close();
  }

  /**
   * @param {string} text about the one that is shown
   * @returns {boolean} false where none is
   */
  tell(text) {
    if (this.#download) note.textContent = text;
    return this.#download !== null;
  }

  /** Reads the server's record: the events don't have all of it. */
  async read() {
    const download = this.#download;
    if (!download?.hasRecord) return;
    try {
      const record = await getRecord(download);
      if (this.#download !== download || record === null) return;
      this.#record = record;
      this.#changes.fill(record);
      this.draw(Date.now());
    } catch (error) {
      if (!(error instanceof RecordsUnavailable)) throw error;
    }
  }

  /** @param {number} now ms */
  draw(now) {
    const download = this.#download;
    if (!download) return;
    const { state, url, filePath } = download;
    setText(title, printable(displayName(download)));
    this.#showFacts(factsOf(download, this.#record));
    const samples = state === "running" ? this.#speeds.of(download.id) : [];
    plot.hidden = samples.length === 0;
    if (samples.length > 0) {
      drawSpeeds(line, area, samples, now);
      setText(speeds, t("speeds", describeSpeeds(samples)));
    }
    this.#changes.draw();
    copyAddress.hidden = url === "" || !navigator.clipboard;
    copyPath.hidden = filePath === "" || !navigator.clipboard;
    save.hidden = !hasFile(download) || !("files" in document.documentElement.dataset);
    save.href = `downloads/${encodeURIComponent(download.id)}/file`;
    copyLink.hidden = save.hidden || !navigator.clipboard;
  }

  /** @param {[string, string][]} facts */
  #showFacts(facts) {
    // The same elements stay, so that a text that is being selected does.
    if (facts.map(([name]) => name).join() !== [...this.#facts.keys()].join()) {
      this.#facts = new Map(facts.map(([name]) => [name, document.createElement("bdi")]));
      const items = [...this.#facts].flatMap(([name, value]) => {
        const term = document.createElement("dt");
        const place = document.createElement("dd");
        term.textContent = name;
        place.append(value);
        return [term, place];
      });
      list.replaceChildren(...items);
    }
    for (const [name, fact] of facts) setText(/** @type {HTMLElement} */ (this.#facts.get(name)), fact);
  }

  async #copyLink() {
    try {
      const { href, expiresAt } = await linkTo(save.href);
      await this.#copy(href, expiresAt ? t("link_copied_until", { time: formatTime(expiresAt) }) : t("link_copied"));
    } catch (error) {
      if (!(error instanceof LinkRefused)) throw error;
      this.tell(error.message);
    }
  }

  /**
   * @param {string} [text]
   * @param {string} [done]
   */
  async #copy(text = "", done = "") {
    try {
      await navigator.clipboard.writeText(text);
      this.tell(done);
    } catch {
      this.tell(t("no_copying"));
    }
  }
}
