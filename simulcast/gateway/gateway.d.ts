/** Where the server is, for each Gateway that was told nothing else. */
export declare const Config: {
  /** null: the page's own host; in Node localhost. */
  serverHost: string | null;
  /** null: 8080, or, if `serverHost` is null too, `ws` beside the page. */
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

export type Token = string | (() => string | Promise<string>);

export interface GatewayOptions {
  /** Instead of `Config.serverHost`. */
  host?: string;
  /** Instead of `Config.serverPort`. */
  port?: number;
  /** `wss://host/base/ws?interval_ms=1000`, or, in a browser, relative to the page. Wins over host and port. */
  url?: string;
  onWebSocketMessage?: ((text: string) => unknown) | null;
  onWebSocketStatusChange?: ((connected: boolean) => unknown) | null;
  /** Instead of `Gateway.WebSocket` and the global one. */
  WebSocket?: WebSocketClass;
  /** `["simulcast.v1"]` where nothing is said. `[]` for a server that knows no subprotocol: silence goes unnoticed then. */
  subprotocols?: string[];
  /** What to show where tokens are wanted (docs/access.md): the token, or a function that is asked at each attempt. */
  token?: Token | null;
  /** From a loss to the next attempt: 5,000, up to 20 % earlier or later. */
  reconnectDelayMs?: number;
  /** The same after a close that means "change something first" (1003, 1007, 1008, 1009, 4400, 4401, 4403): 60,000. */
  refusedDelayMs?: number;
  /** An attempt ends within 10,000. */
  connectWithinMs?: number;
  /** The server tells its position every 20 s. Without any message for 45,000, the connection counts as lost. */
  silenceMs?: number;
  /** `disconnectWebSocket()` waits for the closing handshake for at most 2,000. */
  closeWithinMs?: number;
}

interface Members {
  /**
   * Gets each text message as it came. An async one is not awaited: the next message may come meanwhile.
   * What it throws goes to the console.
   */
  onWebSocketMessage: ((text: string) => unknown) | null;
  /** Gets true once for each connection and false once for each loss. */
  onWebSocketStatusChange: ((connected: boolean) => unknown) | null;
  /** May be changed at any time; counts from the next loss on. */
  reconnectDelayMs: number;
  /** A text that is refused or expires disconnects for good; a function is asked again, at once after an expiry. */
  token: Token | null;
  /** Whether a message could be sent now. */
  readonly isWebSocketConnected: boolean;
  /** Connects. Resolves after the first attempt; if that failed, attempts go on in the background. */
  init(): Promise<void>;
  /**
   * Connects now, without waiting for the next attempt's time; resolves to whether it is connected. If the attempt
   * fails, attempts go on until `disconnectWebSocket()`. Rejects with TypeError where the address makes no sense, or
   * where there is no WebSocket class.
   */
  connectWebSocket(): Promise<boolean>;
  /** Disconnects for good, in whatever state; nothing reconnects until `connectWebSocket()`. The callback hears false. */
  disconnectWebSocket(): Promise<void>;
  /**
   * Queues text, or an object as JSON. False, with a warning on the console: not connected, or more than 1 MiB would
   * wait; it is not kept for later. Throws TypeError for what has no JSON form.
   */
  sendWebSocketMessage(message: string | object): boolean;
  /**
   * Whether `/health`, beside the WebSocket's path, answers with 200 within 5 s. Never rejects. In a page from another
   * origin any answer counts, since the browser hides its status.
   */
  isServerRunning(): Promise<boolean>;
}

/**
 * A connection to a Simulcast service that comes back by itself. After a loss it resumes after the last event it saw:
 * nothing that the server still has is missed, and no event is delivered twice.
 */
export declare class Gateway implements Members {
  /** Throws TypeError for a `url` that makes no sense. Connects to nothing yet. */
  constructor(options?: GatewayOptions);
  onWebSocketMessage: ((text: string) => unknown) | null;
  onWebSocketStatusChange: ((connected: boolean) => unknown) | null;
  reconnectDelayMs: number;
  token: Token | null;
  readonly isWebSocketConnected: boolean;
  init(): Promise<void>;
  connectWebSocket(): Promise<boolean>;
  disconnectWebSocket(): Promise<void>;
  sendWebSocketMessage(message: string | object): boolean;
  isServerRunning(): Promise<boolean>;

  /** The class to connect with where there is no global one (Node below 22). */
  static WebSocket: WebSocketClass | null;
  // The members of one Gateway that the whole program shares, as in the Flutter app.
  static onWebSocketMessage: ((text: string) => unknown) | null;
  static onWebSocketStatusChange: ((connected: boolean) => unknown) | null;
  static reconnectDelayMs: number;
  static token: Token | null;
  static readonly isWebSocketConnected: boolean;
  static init(): Promise<void>;
  static connectWebSocket(): Promise<boolean>;
  static disconnectWebSocket(): Promise<void>;
  static sendWebSocketMessage(message: string | object): boolean;
  static isServerRunning(): Promise<boolean>;
}
