/** The server of each Gateway without one in its options. */
export declare const Config: {
  /** null: the page's own host; in Node localhost. */
  serverHost: string | null;
  /** null: 8080, or, if `serverHost` is null too, `ws` next to the page. */
  serverPort: number | null;
};

/** The class to connect with: the browser's `WebSocket`, Node's own from 22 on, or the one of the package `ws`. */
export type WebSocketClass = new (url: string, protocols?: string[]) => {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  send(text: string): void;
  close(code?: number): void;
  addEventListener(type: string, listener: (event: any) => void): void;
};

export type Token = string | (() => string | null | Promise<string | null>);

export type * from "./gateway_messages.d.ts";
import type { AddedDownload, Download, Hello, ServerMessage } from "./gateway_messages.d.ts";

/** The time that a call waits for the server's answer: 10,000. */
export interface Deadline {
  deadlineMs?: number;
}

export interface Target extends Deadline {
  /** Of the download or job. The default is the user's own, or else `downloads`. */
  channel?: string;
}

/** The members of `POST /downloads` (docs/protocol.md). */
export interface AddOptions extends Target {
  /** An id of your own, with which a later call gets the same download. The default is random. */
  download_id?: string;
  /** -9 to 9; higher ones go first. */
  priority?: number;
  /** true adds the URL though the same is there. */
  again?: boolean;
  name?: string;
  /** Of the file, below the download folder, such as `films/2026`. */
  folder?: string;
  /** `sha256:…` */
  checksum?: string;
  limit_bytes_per_s?: number;
  /** Seconds since 1970, or ISO 8601 with a time zone: no worker takes it before. */
  start_at?: number | string;
  headers?: Record<string, string>;
  bearer?: string;
  basic?: { user: string; password: string };
  proxy?: string;
  /** An address that is told of the download's end (docs/webhooks.md). */
  callback_url?: string;
  /** The user it is for, where the token allows that. The default is the token's user. */
  owner?: string;
}

/** `total`: the number of all that match; of a search, of those looked at. `is_complete`: false where some may be missing. */
export interface DownloadPage {
  downloads: Download[];
  total: number;
  next_cursor: string | null;
  is_complete: boolean;
}

/** The query of `GET /downloads`. */
export interface ListOptions extends Target {
  state?: Download["state"];
  sort?: "created_at" | "updated_at" | "ended_at" | "queue" | "name" | "total_bytes" | "progress" | "priority";
  order?: "desc" | "asc";
  /** The user who added them. */
  owner?: string;
  /** A text in the name or the host. */
  search?: string;
  /** The `next_cursor` of the page before, in place of `offset`. */
  cursor?: string;
  offset?: number;
  /** At most 500; the default is 100. */
  limit?: number;
}

/** Beside the first or last one that waits, or another one of that id; the download gets the priority of that one. */
export type QueuePosition = "first" | "last" | { before: string } | { after: string };

/** The members of an item of `POST /publish`. */
export interface PublishOptions extends Target {
  key?: string;
  idempotency_key?: string;
  ttl_s?: number;
  ends?: boolean;
}

/** The server refuses a command. The message is for people. */
export declare class CommandRejected extends Error {
  readonly action: string;
  /** One of those in docs/protocol.md, such as `invalid_transition`. */
  readonly reason: string;
  readonly downloadId: string;
  readonly jobId: string;
}

/** No answer came in time, or there was a disconnect: the command may have been carried out, or may not. */
export declare class CommandTimeout extends Error {}

export type ConnectionState =
  | { phase: "disconnected" | "connecting" }
  | { phase: "connected"; transport: "websocket" | "sse" }
  | {
      /** refused: something must change first. */
      phase: "lost" | "refused";
      /** The close code; 1006 without one. */
      code: number;
      reason: string;
      /** The time of the next attempt, in ms as of `Date.now()`; null where none follows. */
      retryAt: number | null;
      /** true: another token is needed. */
      wantsToken: boolean;
    };

export interface GatewayOptions {
  /** Instead of `Config.serverHost`. */
  host?: string;
  /** Instead of `Config.serverPort`. */
  port?: number;
  /** `wss://host/base/ws?interval_ms=1000`, or, in a browser, relative to the page. Wins over host and port. */
  url?: string;
  onWebSocketMessage?: ((text: string) => unknown) | null;
  onWebSocketStatusChange?: ((connected: boolean) => unknown) | null;
  onEvent?: ((event: ServerMessage) => unknown) | null;
  onStateChange?: ((state: ConnectionState) => unknown) | null;
  onHello?: ((hello: Hello) => unknown) | null;
  /** Instead of `Gateway.WebSocket` and the global one. */
  WebSocket?: WebSocketClass;
  /**
   * The default is `["simulcast.v1"]`. `[]` for a server that knows no subprotocol: silence goes unnoticed then.
   * `["simulcast.v1.joined", "simulcast.v1"]` costs less where thousands of events come each second.
   */
  subprotocols?: string[];
  /** The token where tokens are required (docs/access.md), or a function that is called at each attempt. */
  token?: Token | null;
  /** true: the token is the first message instead of a part of the handshake, whose refusal browsers hide. */
  authenticateByMessage?: boolean;
  /**
   * true: `/events` and the REST API, next to the WebSocket's path, replace a WebSocket that can't be opened, after
   * two failures or half of `connectTimeoutMs`, until the next loss. Commands are answered as on a WebSocket; other
   * messages are ignored.
   */
  sseFallback?: boolean;
  /** true: each message is printed on the console, for debugging. */
  printMessages?: boolean;
  /** true: events of an earlier connection are delivered again where a snapshot repeats them. */
  deliverRepeats?: boolean;
  /** From a loss to the next attempt: 5,000, up to 20 % earlier or later. */
  reconnectDelayMs?: number;
  /**
   * The same after a close that means "change something first" (1003, 1007, 1008, 1009, 4400, 4401, 4403): 60,000.
   * Infinity: no attempt follows until `connectWebSocket()`.
   */
  refusedDelayMs?: number;
  /** An attempt ends within 10,000. */
  connectTimeoutMs?: number;
  /** The server sends its position every 20 s. Without a message for 45,000 to 50,000 the connection counts as lost. */
  idleTimeoutMs?: number;
  /** `disconnectWebSocket()` waits for the closing handshake for at most 2,000. */
  closeTimeoutMs?: number;
}

/**
 * A connection to a Simulcast service that comes back by itself. After a loss it resumes after the last event it
 * received: nothing that the server still has is missed, and no event is delivered twice. In a browser it reconnects
 * immediately when the network or the person comes back.
 */
export interface Gateway {
  /**
   * Receives each text message as it came. An async one is not awaited: the next message may come meanwhile.
   * Its exceptions go to the console.
   */
  onWebSocketMessage: ((text: string) => unknown) | null;
  /** Receives true once for each connection and false once for each loss. */
  onWebSocketStatusChange: ((connected: boolean) => unknown) | null;
  /**
   * Receives each message that is a JSON object, parsed, but for the answers to the calls below; those of other programs,
   * too, whose types are their own.
   */
  onEvent: ((event: ServerMessage) => unknown) | null;
  /** Receives each change of the connection's state, with the reason of a loss and the time of the next attempt. */
  onStateChange: ((state: ConnectionState) => unknown) | null;
  /** Receives the first message of each channel; `onWebSocketMessage` gets the events behind it. */
  onHello: ((hello: Hello) => unknown) | null;
  /** May be changed at any time; counts from the next loss on. */
  reconnectDelayMs: number;
  /** A text that is refused or expires ends the attempts; a function is called again, immediately after an expiry. */
  token: Token | null;
  /** true: each message is printed on the console, for debugging, without tokens and passwords. */
  printMessages: boolean;
  /** true while a message could be sent. */
  readonly isWebSocketConnected: boolean;
  /** Connects. Resolves after the first attempt; if that failed, attempts go on in the background. */
  init(): Promise<void>;
  /**
   * Connects now, without waiting for the next attempt's time; resolves to whether it is connected. If the attempt
   * fails, attempts go on until `disconnectWebSocket()`. Rejects with TypeError where the address makes no sense, or
   * where there is no WebSocket class.
   */
  connectWebSocket(): Promise<boolean>;
  /** Disconnects for good, in whatever state, until `connectWebSocket()`. The callback receives false. */
  disconnectWebSocket(): Promise<void>;
  /**
   * Queues text, or an object as JSON. False, with a warning on the console: not connected, or more than 1 MiB would
   * wait; it is not kept for later. Throws TypeError for a value without a JSON form.
   */
  sendWebSocketMessage(message: string | object): boolean;
  /**
   * Await it, without (): true if `/health`, next to the WebSocket's path, answers with 200 within 5 s. Never rejects. In
   * a page any response of another origin counts, since the browser may hide its status.
   */
  readonly isServerRunning: PromiseLike<boolean>;

  // The calls below resolve once the server has answered. They reject with CommandRejected where it refuses, with
  // CommandTimeout without an answer, and with Error where nothing is connected nor tries to. A connection that is lost
  // meanwhile does no harm: the message is sent again, and carried out once.

  pause(downloadId: string, options?: Target): Promise<void>;
  resume(downloadId: string, options?: Target): Promise<void>;
  cancel(downloadId: string, options?: Target): Promise<void>;
  retry(downloadId: string, options?: Target): Promise<void>;
  /** Limits the speed of a download; 0 for no limit. */
  limit(downloadId: string, bytesPerS: number, options?: Target): Promise<void>;
  /** Gives a download a fresh link. */
  relink(downloadId: string, url: string, options?: Target): Promise<void>;
  /** Moves a download that waits to another place in the queue. */
  move(downloadId: string, position: QueuePosition, options?: Target): Promise<void>;
  /** Changes the priority of a download that waits: -9 to 9. */
  prioritize(downloadId: string, priority: number, options?: Target): Promise<void>;
  /** Lets a download that waits or is paused begin no sooner than then, as `start_at` of `add`; null for now. */
  schedule(downloadId: string, startAt: number | string | null, options?: Target): Promise<void>;
  /** Changes the name that the file of a download that waits or is paused will get. */
  rename(downloadId: string, name: string, options?: Target): Promise<void>;
  /** Forgets a download that doesn't run; with `file` its file goes too. */
  delete(downloadId: string, options?: Target & { file?: boolean }): Promise<void>;
  /** Forgets all downloads that have ended; files stay. */
  clearFinished(options?: Target): Promise<void>;
  /** Asks the process that runs a job to end it. */
  cancelJob(jobId: string, options?: Target): Promise<void>;
  removeJob(jobId: string, options?: Target): Promise<void>;
  /** Queues a download, or resolves to the one of the same URL and options, unless `again`. */
  add(url: string, options?: AddOptions): Promise<AddedDownload>;
  get(downloadId: string, options?: Target): Promise<Download>;
  /** Resolves to a page, the newest first. */
  list(options?: ListOptions): Promise<DownloadPage>;
  /** Publishes an event where the token allows that, and resolves to its event_id. */
  publish(event: object, options?: PublishOptions): Promise<string>;
  /** Follows one more channel, from its snapshot or `since` on. Events name their channel then. A new connection follows it too. */
  subscribe(channel: string, options?: Deadline & { since?: string }): Promise<void>;
  unsubscribe(channel: string, options?: Deadline): Promise<void>;
}

/** The class. Its own members are those of one Gateway that the whole program shares, as in the Flutter app. */
export declare const Gateway: Gateway & {
  /** Throws TypeError for a `url` that makes no sense. Connects to nothing yet. */
  new (options?: GatewayOptions): Gateway;
  /** The class to connect with where there is no global one (Node below 22). */
  WebSocket: WebSocketClass | null;
};
