// Wires the page: events from the connection go into the downloads, and what changed there is drawn.

import { AccessForm } from "./access.js";
import { addForm } from "./add.js";
import { Announcer } from "./announcer.js";
import { ClearFinished } from "./clear.js";
import { ALL, Commands } from "./commands.js";
import { Downloads, isSilent, nameOf } from "./downloads.js";
import { Filter } from "./filter.js";
import { counted, shown } from "./format.js";
import { Gateway } from "./gateway.js";
import { describe, Header } from "./header.js";
import { hasEnded } from "./merge.js";
import { Reconciler } from "./reconciler.js";
import { Rows } from "./rows.js";
import { SpeedChart } from "./speed_chart.js";
import { Token } from "./token.js";

/** @typedef {import("./downloads.js").Change} Change */
/** @typedef {import("./gateway.js").ConnectionState} ConnectionState */

const TICK_MS = 500;
/** Progress that is superseded within this time is left out: the eye sees no more, and each message costs the same. */
const INTERVAL_MS = 500;

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
const { dataset } = document.documentElement;
const token = new Token({ isExpected: "tokens" in dataset, path: new URL(".", document.baseURI).pathname });
/** @type {ConnectionState} */
let connection = { phase: "connecting" };
const gateway = new Gateway({
  url: `ws?interval_ms=${INTERVAL_MS}`,
  sseFallback: true,
  authenticateByMessage: true,
  deliverRepeats: true, // they confirm what the page knows already
  refusedDelayMs: Infinity, // a person decides
  onWebSocketMessage: receive,
  onStateChange: connectionChanged,
  onHello: ({ recovered }) => {
    // Missed events follow a recovery. Otherwise the server's list has to be read.
    if (recovered) reconciler.resume();
    else reconciler.start();
  },
});
const commands = new Commands({
  send: (command) => gateway.sendWebSocketMessage(command),
  onChange: (downloadId, note) => {
    if (downloadId === ALL) clearFinished.show(commands.askedOf(ALL) !== null, note);
    const download = downloads.get(downloadId);
    if (download) rows.draw(download);
    if (note !== "") announcer.say(shown(note));
  },
});
const rows = new Rows({
  list: element("rows"),
  template: element("row-template"),
  deleteDialog: element("delete-template"),
  refuge: element("list-title"),
  commandOf: (downloadId) => ({ asked: commands.askedOf(downloadId), note: commands.noteOf(downloadId) }),
  onAction: (action, downloadId, more) => commands.ask(action, downloadId, Date.now(), more),
  onFrame: countRows,
});
const filter = new Filter({
  search: element("search"),
  state: element("state-filter"),
  count: element("count"),
  none: element("none"),
  reset: element("reset"),
  onChange: () => rows.filter((download) => filter.matches(download)),
  say: (sentence) => announcer.say(sentence),
});
/** What had ended when it was asked to be cleared. @type {string[]} */
let clearing = [];
const clearFinished = new ClearFinished({
  button: element("clear"),
  question: element("clear-question"),
  words: element("clear-words"),
  keep: element("clear-keep"),
  go: element("clear-go"),
  note: element("clear-note"),
  refuge: element("list-title"),
  onClear: () => {
    clearing = [...downloads.values()].filter(({ state }) => hasEnded(state)).map(({ id }) => id);
    commands.ask("clear_finished", ALL, Date.now());
  },
});
const reconciler = new Reconciler({
  address: new URL("downloads", document.baseURI).href,
  token,
  downloads,
  onChange: apply,
  onDone: () => rows.arrange(() => downloads.values()),
});
const chart = new SpeedChart({
  line: /** @type {any} */ (element("chart-line")),
  area: /** @type {any} */ (element("chart-area")),
  words: element("chart-words"),
});

const access = new AccessForm({
  form: element("access"),
  input: element("token"),
  words: element("access-words"),
  refuge: element("phase"),
  token,
  onToken: () => {
    void gateway.disconnectWebSocket(); // an attempt may be under way with the token before
    connect();
  },
});

const empty = element("empty");
/** What was last said of the connection: attempts that fail again and again are no news. @type {"" | "live" | "lost"} */
let said = "";

function connect() {
  gateway.token = token.isWanted ? token.text : null;
  void gateway.connectWebSocket();
}

/** @param {string} text of a message; any program may publish any text */
function receive(text) {
  const message = parse(text);
  if (message === null) return;
  if (message.type === "command_result") {
    answered(message);
    return;
  }
  const change = downloads.take(message, Date.now());
  if (change) apply(change);
}

/** @param {Record<string, unknown>} message a `command_result` */
function answered(message) {
  const done = commands.take(message);
  if (done === null) return;
  // No event tells of those that the server has no record of, such as what others publish.
  const ids = done.action === "clear_finished" ? clearing.splice(0) : [String(message.download_id)];
  const gone = ids.filter((id) => hasEnded(downloads.get(id)?.state ?? "queued"));
  for (const id of gone) {
    const change = downloads.delete(id);
    if (change) apply(change);
  }
  if (done.action === "clear_finished") announcer.say(`${counted(ids.length, "finished download")} cleared.`);
}

/** @param {Change} change */
function apply({ download, before, dropped }) {
  if (dropped) {
    if (commands.askedOf(dropped.id) === "delete_download") announcer.say(`${shown(nameOf(dropped))}: deleted.`);
    rows.remove(dropped.id);
    commands.settle(dropped.id);
    if (dropped === download) return;
  }
  if (before !== download.state) {
    commands.settle(download.id);
    // One that is new and already over comes with the snapshot; nobody waited for it here.
    const end = ENDS[download.state];
    if (before !== null && end) announcer.ended(end, shown(nameOf(download)));
  }
  rows.draw(download);
}

/** After each frame that drew something. */
function countRows() {
  const { size } = downloads;
  element("tools").hidden = size === 0;
  empty.hidden = size > 0;
  element("rows").hidden = rows.shown === 0;
  filter.show(size, rows.shown);
}

/**
 * @param {string} text
 * @returns {Record<string, unknown> | null} null for anything but a JSON object
 */
function parse(text) {
  try {
    const message = JSON.parse(text);
    return typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}

/** @param {ConnectionState} state */
function connectionChanged(state) {
  connection = state;
  header.connection(state, Date.now());
  if (state.phase === "connected") {
    announcer.say(said === "lost" ? "Connected again." : "Connected.");
    said = "live";
    access.close();
    // A link can't show a token, so it would save a refusal.
    if (token.text !== "") delete dataset.files;
    return;
  }
  reconciler.stop();
  commands.lose();
  if (state.phase === "refused") {
    if (state.wantsToken) access.ask(token.text && state.reason);
    announcer.say(`${shown(describe(state, Date.now()))}.`);
  }
  if (state.phase === "lost" && said !== "lost") {
    announcer.say("No connection. The page keeps trying.");
    said = "lost";
  }
}

/** Once a tick: what changes with time alone. */
function tick() {
  const now = Date.now();
  const isLive = connection.phase === "connected";
  const totals = downloads.totals(now);
  header.connection(connection, now);
  header.totals(totals, isLive);
  clearFinished.count(totals.ended);
  chart.sample(isLive ? totals.speed : 0, now);
  commands.expire(now);
  for (const download of downloads.values()) {
    // The others are drawn when they are heard.
    if (download.state !== "running" || now - download.heardAt < TICK_MS) continue;
    rows.draw(download);
    if (isLive && isSilent(download, now)) reconciler.ask(download, now);
  }
}

addForm({
  form: element("add"),
  input: element("urls"),
  button: element("add-button"),
  problems: element("problems"),
  token,
  say: (sentence) => announcer.say(sentence),
});
element("retry").addEventListener("click", connect);
connect();
tick();
setInterval(tick, TICK_MS);
