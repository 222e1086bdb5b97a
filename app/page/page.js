// Wires the page: events of the gateway change the downloads, and changed downloads are drawn.

import { accessForm, closeAccess, openAccess } from "./access.js";
import { addForm } from "./add.js";
import { announce, announceEnd, ENDS_OF_STATES } from "./announcer.js";
import { ClearFinished } from "./clear.js";
import { ALL, Commands, REMOVALS } from "./commands.js";
import { Details } from "./details.js";
import { byId } from "./dom.js";
import { Dragging } from "./dragging.js";
import { displayName, Downloads } from "./downloads.js";
import { listenForSaves } from "./file_links.js";
import { Filter } from "./filter.js";
import { Gateway } from "./gateway.js";
import { describe, showConnection, showTotals } from "./header.js";
import { listenForLinks } from "./incoming.js";
import { limitsDialog } from "./limits.js";
import { Many } from "./many.js";
import { hasEnded, isSilent } from "./merge.js";
import { t, translatePage } from "./messages.js";
import { Notifications } from "./notifications.js";
import { orderChoice } from "./order.js";
import { Reader } from "./reader.js";
import { Reconciler } from "./reconciler.js";
import { Rows } from "./rows.js";
import { acceptLinks } from "./sharing.js";
import { Selection } from "./selection.js";
import { SelectionBar } from "./selection_bar.js";
import { keepShell } from "./shell.js";
import { SpeedChart } from "./speed_chart.js";
import { SpeedHistory } from "./speed_history.js";
import { token } from "./token.js";

/** @typedef {import("./downloads.js").Change} Change */
/** @typedef {import("./downloads.js").Download} Download */
/** @typedef {import("./gateway.js").ConnectionState} ConnectionState */

const TICK_MS = 500;
/** Progress that is superseded within this time is left out: the eye sees no more. */
const INTERVAL_MS = 300;

translatePage();
const [tools, empty, retry] = byId("tools", "empty", "retry");
const downloads = new Downloads();
/** @type {ConnectionState} */
let connection = { phase: "connecting" };
const gateway = new Gateway({
  url: `ws?interval_ms=${INTERVAL_MS}`,
  sseFallback: true,
  subprotocols: ["simulcast.v1.joined", "simulcast.v1"], // a message costs more than the events in it
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
  onChange: (id, note, isOneOfMany) => {
    if (id === ALL) clearFinished.show(commands.get(ALL).pending !== null, note);
    const download = downloads.get(id);
    if (download && note !== "") removals.settle(download);
    if (download) rows.draw(download);
    if (note !== "" && !isOneOfMany) announce(note);
  },
});
const reader = new Reader(downloads, takeRead, () => rows.refresh());
const rows = new Rows({
  getCommand: (id) => commands.get(id),
  isSelected: (download) => selection.has(download),
  onAction: (action, download, members) => {
    if (REMOVALS.has(action)) many.act("delete", [download]);
    else commands.request(action, download.id, Date.now(), members);
  },
  onOpen: (download) => details.open(download),
  onMove: () => selection.update(),
  countUnread: (group) => (filter.view.word === "" ? reader.countUnread(group, filter.view.state) : 0),
  onFrame: (depths) => {
    reader.demand(depths, filter.view, Date.now());
    showCounts();
  },
});
const filter = new Filter(filterRows);
const many = new Many(downloads, commands, (download) => rows.draw(download), (state) => (
  reader.readAll({ word: "", state }, () => true)));
const { removals } = many;
const selection = new Selection(rows, () => rows.refresh(), () => selectionBar.focus(), (isWanted) => (
  reader.readAll(filter.view, isWanted)));
const selectionBar = new SelectionBar(selection, (...chosen) => many.act(...chosen));
new Dragging(rows, selection, (id, position, onOutcome) => (
  commands.request("move_download", id, Date.now(), { position }, onOutcome)));
filterRows();
orderChoice((isByState) => rows.arrangeByState(isByState));
/** The ended downloads that the pending "clear finished" concerns. @type {string[]} */
let clearing = [];
const clearFinished = new ClearFinished(() => {
  clearing = [...downloads.values()].filter(({ state }) => hasEnded(state)).map(({ id }) => id);
  commands.request("clear_finished", ALL, Date.now());
});
const reconciler = new Reconciler(downloads, reader, draw);
const notifications = new Notifications();
const readLimits = limitsDialog(announce);
const chart = new SpeedChart();
const speeds = new SpeedHistory();
const details = new Details(speeds, (action, id, members, onOutcome) => {
  commands.request(action, id, Date.now(), members, onOutcome);
});
/** The last announced state of the connection: repeated failures are no news. @type {"" | "connected" | "lost"} */
let announcedPhase = "";

function filterRows() {
  selection.stop();
  rows.filter(matches);
}

/**
 * @param {Download} download
 * @returns {boolean} whether its row is shown
 */
function matches(download) {
  return filter.matches(download) && !removals.has(download.id);
}

/** @param {Change} change by what was read from the server */
function takeRead(change) {
  draw(change);
  if (matches(change.download)) selection.take(change.download);
}

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
    announce(t("cleared", { count: clearing.length + reader.countUnread("ended") }));
    reader.forgetEnded();
    for (const ended of clearing.splice(0)) {
      // The server tells nothing of those that it has forgotten.
      if (hasEnded(downloads.get(ended)?.state ?? "queued")) forget(ended);
    }
  } else if (action === "relink_download") {
    announce(t("link_recorded"));
  } else if (isUnknown && REMOVALS.has(action)) {
    forget(id);
  } else {
    const download = downloads.get(id);
    if (!download) return;
    if (isUnknown) downloads.loseRecord(download);
    else if (action === "cancel_job" && download.state === "running") download.isCancelling = true;
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
    removals.settle(removed);
    if (details.shows(removed.id)) details.close();
    rows.remove(removed.id);
    commands.settle(removed.id);
    if (removed === download) return;
  }
  if (before !== download.state) {
    if (!hasEnded(download.state)) removals.settle(download);
    commands.settle(download.id);
    if (details.shows(download.id)) void details.read();
    // A new download that has ended already is part of a snapshot, and no news.
    const end = ENDS_OF_STATES[download.state];
    if (before !== null && end) {
      announceEnd(end, displayName(download));
      notifications.tell(end, displayName(download));
    }
  }
  rows.draw(download);
}

/** To be called after each frame that drew something, and now and then: commands for many end without a frame. */
function showCounts() {
  const size = downloads.size + reader.countUnread("all") - removals.size;
  const { size: visible } = rows.arrangement;
  tools.hidden = size === 0 && !many.isUnderWay; // the rows that are being removed are hidden
  empty.hidden = !tools.hidden;
  filter.showCount(size, visible, reader.isSearching);
  selectionBar.show(Date.now());
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
    announce(t(announcedPhase === "lost" ? "connected_again" : "connected"));
    announcedPhase = "connected";
    closeAccess();
    readLimits();
    return;
  }
  reconciler.stop();
  commands.failAll();
  if (state.phase === "refused") {
    if (state.wantsToken) openAccess(token.text && state.reason);
    announce(`${describe(state, Date.now())}${t("full_stop")}`);
  }
  if (state.phase === "lost" && announcedPhase !== "lost") {
    announce(t("lost"));
    announcedPhase = "lost";
  }
}

/** Shows the passage of time. */
function tick() {
  const now = Date.now();
  const isLive = connection.phase === "connected";
  const totals = totalsOf(now);
  showConnection(connection, now);
  showTotals(totals, isLive);
  clearFinished.setCount(totals.ended);
  many.showTotals(totals);
  chart.sample(isLive ? totals.speed : 0, now);
  speeds.sample(downloads.counts.lively, now);
  details.draw(now);
  commands.expire(now);
  reader.ask(now);
  showCounts();
  for (const download of downloads.counts.lively) {
    if (now - download.updatedAt < TICK_MS) continue; // it is drawn with its events
    rows.draw(download);
    if (isLive && isSilent(download, now)) reconciler.check(download, now);
  }
}

/**
 * @param {number} now ms
 * @returns {import("./counts.js").Totals} of those too that the server alone knows
 */
function totalsOf(now) {
  const totals = downloads.counts.totals(now);
  totals.active += reader.countUnread("all", "active");
  totals.ended += reader.countUnread("ended");
  totals.pausable += reader.countUnread("running") + reader.countUnread("waiting", "queued");
  totals.resumable += reader.countUnread("waiting", "paused");
  return totals;
}

addForm();
listenForLinks();
acceptLinks((text) => many.tell(text));
keepShell();
listenForSaves((problem) => void (details.tell(problem) || many.tell(problem)));
accessForm(() => {
  void gateway.disconnectWebSocket(); // an attempt may be under way with the token before
  connect();
});
retry.addEventListener("click", connect);
addEventListener("pagehide", () => many.hurry());
connect();
tick();
setInterval(tick, TICK_MS);
