// How far a client has read, so that after a loss it misses no event and gets none twice.

/** The server puts event_id first (docs/protocol.md), so that no message has to be parsed for it. */
const EVENT = /^\{"event_id":"([^"\\]{1,128})-([0-9]{1,20})"(?:,"channel":"([\w.:-]{1,100})")?/;
const MARK = /^\{"type": ?"(?:hello|position)"/;
const POSITION = /^(.{1,128})-([0-9]{1,20})$/;
/** The events that `hello` announces follow it immediately. A connection that lasts longer has brought them. */
const HELLO_HOLDS_AFTER_MS = 1_000;

/** The last position in each channel, "" for events without one. Python: simulcast/gateway/resume_position.py. */
export class ResumePosition {
  #last = new Map();
  /** The positions of earlier connections: events up to there are repeats. */
  #before = new Map();
  /** The position of this connection's hello, until an event or a mark brings a newer one. */
  #hello = null;
  #awaitsHello = false;

  /** The value of the query's `since`; "" before the first event. */
  get since() {
    const named = [...this.#last].filter(([channel]) => channel !== "");
    if (named.length) return named.map(([channel, at]) => `${channel}:${at.epoch}-${at.offset}`).join(",");
    const at = this.#last.get("");
    return at ? `${at.epoch}-${at.offset}` : "";
  }

  /** Begins a connection: events up to here may come again, and count as repeats then. */
  begin() {
    this.#before = new Map([...this.#before, ...this.#last]);
    [this.#hello, this.#awaitsHello] = [null, true];
  }

  /** Ends a connection. Its hello counts if the events that it announced must have arrived. */
  end() {
    if (this.#hello && Date.now() - this.#hello.at >= HELLO_HOLDS_AFTER_MS) this.#see("", this.#hello);
    this.#hello = null;
  }

  /** Drops the hello of a connection that was silent: nothing tells whether the announced events arrived. */
  distrustHello() {
    this.#hello = null;
  }

  /** Forgets where to resume, so that the snapshot comes. False if there was nothing to forget. */
  forget() {
    const { size } = this.#last;
    this.begin();
    this.#last.clear();
    return size > 0;
  }

  /** Records one event. False for a repeat of an earlier connection's. */
  isNew(text) {
    const match = EVENT.exec(text);
    if (!match) return true;
    const [, epoch, digits, channel = ""] = match;
    const offset = BigInt(digits);
    const before = this.#before.get(channel);
    if (before?.epoch === epoch && offset <= before.offset) return false;
    this.#see(channel, { epoch, offset });
    return true;
  }

  /** Records a mark of the server and returns it; null for any other message. `isAlone`: one channel is followed. */
  readMark(text, isAlone) {
    if (!MARK.test(text)) return null;
    const mark = parse(text);
    const match = POSITION.exec(mark?.position ?? "");
    if (!match) return null;
    const position = { epoch: match[1], offset: BigInt(match[2]), at: Date.now() };
    if (mark.type === "position") this.#see(mark.channel ?? "", position);
    else if (isAlone && this.#awaitsHello) this.#hello = position;
    this.#awaitsHello = false; // a later one belongs to a channel that was subscribed to since
    return mark;
  }

  #see(channel, { epoch, offset }) {
    this.#hello = null;
    const last = this.#last.get(channel);
    if (last?.epoch !== epoch || offset > last.offset) this.#last.set(channel, { epoch, offset });
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
