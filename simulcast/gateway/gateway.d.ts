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

/** The first message of a channel in simulcast.v1 (docs/protocol.md). */
export interface Hello {
  type: "hello";
  channel: string;
  position: string;
  /** true: all missed events follow; false: the snapshot does. */
  recovered: boolean;
  ping_interval_s: number;
}

interface Stored {
  /** Absent from events that were published past the service. */
  event_id?: string;
  /** The channel, where the connection follows several. */
  channel?: string;
  /** One life of a download or a job, from queued to its end; counts from 1. */
  attempt?: number;
  /** Numbers the changes of state that the service recorded. */
  change?: number;
  /** The command that asked for it. */
  command_id?: string;
  name?: string;
}

/** `JSON.parse(text)` of an event about a download; all members are in docs/contract. */
export type DownloadEvent = Stored & { download_id: string; received_bytes?: number; total_bytes?: number | null } & (
    | { type: "download_progress"; progress: number; speed: number }
    | { type: "download_queued"; retry_at?: number; error_message?: string; retries?: number }
    | { type: "download_started" | "download_resumed" | "download_paused" | "download_cancelled" | "download_deleted" }
    | { type: "download_complete"; file_path: string }
    | { type: "download_error"; error_message: string }
  );

/** The same of an event about a job of another kind: `done` of `total` `unit`s are done, and `message` says what it does. */
export type JobEvent = Stored & {
  job_id: string;
  kind?: string;
  progress?: number;
  done?: number;
  total?: number;
  unit?: string;
  message?: string;
} & (
    | { type: "job_progress"; progress: number }
    /** `error_message`: why the attempt before it failed. */
    | { type: "job_queued"; error_message?: string }
    | { type: "job_started" | "job_cancelled" | "job_deleted" }
    | { type: "job_complete"; result?: unknown }
    | { type: "job_error"; error_message: string }
  );

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
  onStateChange?: ((state: ConnectionState) => unknown) | null;
  onHello?: ((hello: Hello) => unknown) | null;
  /** Instead of `Gateway.WebSocket` and the global one. */
  WebSocket?: WebSocketClass;
  /** The default is `["simulcast.v1"]`. `[]` for a server that knows no subprotocol: silence goes unnoticed then. */
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
  /** Receives each change of the connection's state, with the reason of a loss and the time of the next attempt. */
  onStateChange: ((state: ConnectionState) => unknown) | null;
  /** Receives the first message of each channel; `onWebSocketMessage` gets the events behind it. */
  onHello: ((hello: Hello) => unknown) | null;
  /** May be changed at any time; counts from the next loss on. */
  reconnectDelayMs: number;
  /** A text that is refused or expires ends the attempts; a function is called again, immediately after an expiry. */
  token: Token | null;
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
}

/** The class. Its own members are those of one Gateway that the whole program shares, as in the Flutter app. */
export declare const Gateway: Gateway & {
  /** Throws TypeError for a `url` that makes no sense. Connects to nothing yet. */
  new (options?: GatewayOptions): Gateway;
  /** The class to connect with where there is no global one (Node below 22). */
  WebSocket: WebSocketClass | null;
};
