// Wires the page: events from the connection go into the downloads, and what changed there is drawn.

import { addForm } from "./add.js";
import { Announcer } from "./announcer.js";
import { Commands } from "./commands.js";
import { Connection, socketAddress } from "./connection.js";
import { Downloads, nameOf } from "./downloads.js";
import { shown } from "./format.js";
import { Header } from "./header.js";
import { Rows } from "./rows.js";

/** @typedef {import("./connection.js").Status} Status */

const TICK_MS = 500;

/** @type {Partial<Record<string, import("./announcer.js").End>>} */
const ENDS = { complete: "complete", error: "failed", cancelled: "cancelled" };

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
const element = (id) => /** @type {T} */ (document.getElementById(id));

const announcer = new Announcer(element("announcer"));
const downloads = new Downloads();
const header = new Header({
  phase: element("phase"),
  retry: element("retry"),
  active: element("active"),
  speed: element("speed"),
});
const connection = new Connection({
  address: socketAddress(location),
  onMessage: receive,
  onStatus: connectionChanged,
});
const commands = new Commands({
  send: (text) => connection.send(text),
  onChange: (downloadId, note) => {
    const download = downloads.get(downloadId);
    if (download) rows.draw(download);
    if (note !== "") announcer.say(shown(note));
  },
});
const rows = new Rows({
  list: element("rows"),
  template: element("row-template"),
  commandOf: (downloadId) => ({ asked: commands.askedOf(downloadId), note: commands.noteOf(downloadId) }),
  onAction: (action, downloadId) => commands.ask(action, downloadId, Date.now()),
});

const empty = element("empty");
/** What was last said of the connection: attempts that fail again and again are no news. @type {"" | "live" | "lost"} */
let said = "";

/** @param {string} text */
function receive(text) {
  const message = parse(text);
  if (message === null) return;
  connection.seen(message.event_id);
  if (message.type === "command_result") {
    commands.take(message);
    return;
  }
  const change = downloads.take(message, Date.now());
  if (change === null) return;
  const { download, before, dropped } = change;
  if (before === null) empty.hidden = true;
  if (dropped) {
    rows.remove(dropped.id);
    commands.settle(dropped.id);
  }
  if (before !== download.state) {
    commands.settle(download.id);
    // One that is new and already over comes with the snapshot; nobody waited for it here.
    const end = ENDS[download.state];
    if (before !== null && end) announcer.ended(end, shown(nameOf(download)));
  }
  rows.draw(download);
}

/**
 * @param {string} text
 * @returns {Record<string, unknown> | null} null for what is no object: anybody may publish anything
 */
function parse(text) {
  try {
    const message = JSON.parse(text);
    return typeof message === "object" && message !== null ? message : null;
  } catch {
    return null;
  }
}

/** @param {Status} status */
function connectionChanged(status) {
  header.connection(status, Date.now());
  if (status.phase === "live") {
    announcer.say(said === "lost" ? "Connected again." : "Connected.");
    said = "live";
    return;
  }
  commands.lose();
  if (status.phase === "refused") announcer.say(`The server refused the connection: ${shown(status.reason)}`);
  if (status.phase === "lost" && said !== "lost") {
    announcer.say("No connection. The page keeps trying.");
    said = "lost";
  }
}

/** Once a tick: what changes with time alone. */
function tick() {
  const now = Date.now();
  header.connection(connection.status, now);
  header.totals(downloads.totals(now), connection.status.phase === "live");
  commands.expire(now);
  for (const download of downloads.values()) {
    // The others are drawn when they are heard.
    if (download.state === "running" && now - download.heardAt >= TICK_MS) rows.draw(download);
  }
}

addForm({
  form: element("add"),
  input: element("urls"),
  button: element("add-button"),
  problems: element("problems"),
  say: (sentence) => announcer.say(sentence),
});
element("retry").addEventListener("click", () => connection.connectNow());
connection.start();
tick();
setInterval(tick, TICK_MS);
