// Wires the page: events of the gateway change the downloads, and changed downloads are drawn.

import { accessForm, closeAccess, openAccess } from "./access.js";
import { addForm } from "./add.js";
import { announce, announceEnd } from "./announcer.js";
import { ClearFinished } from "./clear.js";
import { ALL, Commands, REMOVALS } from "./commands.js";
import { byId } from "./dom.js";
import { displayName, Downloads, isSilent } from "./downloads.js";
import { Filter } from "./filter.js";
import { printable, withCount } from "./format.js";
import { Gateway } from "./gateway.js";
import { describe, showConnection, showTotals } from "./header.js";
import { hasEnded } from "./merge.js";
import { orderChoice } from "./order.js";
import { Reconciler } from "./reconciler.js";
import { Rows } from "./rows.js";
import { SpeedChart } from "./speed_chart.js";
import { token } from "./token.js";

/** @typedef {import("./downloads.js").Change} Change */
/** @typedef {import("./gateway.js").ConnectionState} ConnectionState */

const TICK_MS = 500;
/** Progress that is superseded within this time is left out: the eye sees no more, and each message costs the same. */
const INTERVAL_MS = 500;

/** @type {Partial<Record<string, import("./announcer.js").End>>} */
const ENDS = { complete: "complete", error: "failed", cancelled: "cancelled" };

const [tools, list, empty, retry] = byId("tools", "rows", "empty", "retry");
const downloads = new Downloads();
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
  onChange: (id, note) => {
    if (id === ALL) clearFinished.show(commands.get(ALL).pending !== null, note);
    const download = downloads.get(id);
    if (download) rows.draw(download);
    if (note !== "") announce(printable(note));
  },
});
const rows = new Rows({
  getCommand: (id) => commands.get(id),
  onAction: (action, id, options) => commands.request(action, id, Date.now(), options),
  onFrame: showCounts,
});
const filter = new Filter(() => rows.filter((download) => filter.matches(download)));
orderChoice((isByState) => rows.arrangeByState(isByState));
/** The ended downloads that the pending "clear finished" concerns. @type {string[]} */
let clearing = [];
const clearFinished = new ClearFinished(() => {
  clearing = [...downloads.values()].filter(({ state }) => hasEnded(state)).map(({ id }) => id);
  commands.request("clear_finished", ALL, Date.now());
});
const reconciler = new Reconciler(downloads, draw, () => rows.sort(() => downloads.values()));
const chart = new SpeedChart();
/** The last announced state of the connection: repeated failures are no news. @type {"" | "connected" | "lost"} */
let announcedPhase = "";

function connect() {
  gateway.token = token.isRequired ? token.text : null;
  void gateway.connectWebSocket();
}

/** @param {string} text of a message; any program may publish any text */
function receive(text) {
  const message = parse(text);
  if (message === null) return;
  if (message.type === "command_result") {
    takeResult(message);
    return;
  }
  const change = downloads.apply(message, Date.now());
  if (change) draw(change);
}

/** @param {Record<string, unknown>} result a `command_result` */
function takeResult(result) {
  const command = commands.takeResult(result);
  if (command === null) return;
  const { action, id, isUnknown } = command;
  if (action === "clear_finished") {
    announce(`${withCount(clearing.length, "finished job")} cleared.`);
    for (const ended of clearing.splice(0)) {
      // The server tells nothing of those that it has forgotten.
      if (hasEnded(downloads.get(ended)?.state ?? "queued")) forget(ended);
    }
  } else if (action === "relink_download") {
    announce("The new link is recorded.");
  } else if (isUnknown && REMOVALS.has(action)) {
    forget(id);
  } else {
    const download = downloads.get(id);
    if (!download) return;
    if (isUnknown) download.hasRecord = false;
    else if (download.state === "running") download.isCancelling = true;
    rows.draw(download);
  }
}

/** @param {string} id of a download or a job that the server knows no longer */
function forget(id) {
  const change = downloads.delete(id);
  if (change) draw(change);
}

/** @param {Change} change */
function draw({ download, before, removed }) {
  if (removed) {
    const { pending } = commands.get(removed.id);
    if (pending && REMOVALS.has(pending)) announce(`${printable(displayName(removed))}: removed.`);
    rows.remove(removed.id);
    commands.settle(removed.id);
    if (removed === download) return;
  }
  if (before !== download.state) {
    commands.settle(download.id);
    // A new download that has ended already is part of a snapshot, and no news.
    const end = ENDS[download.state];
    if (before !== null && end) announceEnd(end, printable(displayName(download)));
  }
  rows.draw(download);
}

/** To be called after each frame that drew something. */
function showCounts() {
  const { size } = downloads;
  tools.hidden = size === 0;
  empty.hidden = size > 0;
  list.hidden = rows.visibleCount === 0;
  filter.showCount(size, rows.visibleCount);
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
  showConnection(state, Date.now());
  if (state.phase === "connected") {
    announce(announcedPhase === "lost" ? "Connected again." : "Connected.");
    announcedPhase = "connected";
    closeAccess();
    // A link can't send a token, so it would save a refusal.
    if (token.text !== "") delete document.documentElement.dataset.files;
    return;
  }
  reconciler.stop();
  commands.failAll();
  if (state.phase === "refused") {
    if (state.wantsToken) openAccess(token.text && state.reason);
    announce(`${printable(describe(state, Date.now()))}.`);
  }
  if (state.phase === "lost" && announcedPhase !== "lost") {
    announce("No connection. The page keeps trying.");
    announcedPhase = "lost";
  }
}

/** Shows the passage of time. */
function tick() {
  const now = Date.now();
  const isLive = connection.phase === "connected";
  const totals = downloads.totals(now);
  showConnection(connection, now);
  showTotals(totals, isLive);
  clearFinished.setCount(totals.ended);
  chart.sample(isLive ? totals.speed : 0, now);
  commands.expire(now);
  for (const download of downloads.values()) {
    // The others are drawn with their events.
    const isDrawn = download.state !== "running" && (download.hasRecord || hasEnded(download.state));
    if (isDrawn || now - download.updatedAt < TICK_MS) continue;
    rows.draw(download);
    if (isLive && isSilent(download, now)) reconciler.check(download, now);
  }
}

addForm();
accessForm(() => {
  void gateway.disconnectWebSocket(); // an attempt may be under way with the token before
  connect();
});
retry.addEventListener("click", connect);
connect();
tick();
setInterval(tick, TICK_MS);
