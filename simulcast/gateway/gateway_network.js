// The knowledge that a browser has of the network and of the person.

export class NetworkWatch {
  #onReturn;
  #wasOffline = false;

  /** `onReturn(wasOffline)`: the network is back, or the person looks at the page again. */
  constructor(onReturn) {
    this.#onReturn = onReturn;
  }

  start() {
    this.#listen("addEventListener");
  }

  stop() {
    this.#listen("removeEventListener");
  }

  #listen(method) {
    for (const type of ["online", "offline"]) globalThis[method]?.(type, this.#changed);
    globalThis.document?.[method]("visibilitychange", this.#changed);
  }

  #changed = ({ type }) => {
    if (type === "visibilitychange" && document.visibilityState !== "visible") return;
    const wasOffline = type === "online" && this.#wasOffline;
    if (type !== "visibilitychange") this.#wasOffline = type === "offline";
    if (type !== "offline") this.#onReturn(wasOffline);
  };
}
