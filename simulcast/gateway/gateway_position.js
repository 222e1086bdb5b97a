// How far a client has read, so that after a loss it misses no event and gets none twice.

/** The server puts event_id first (docs/protocol.md), so that no message has to be parsed for it. */
const EVENT = /^\{"event_id":"([^"\\]{1,128})-([0-9]{1,20})"(?:,"channel":"([\w.:-]{1,100})")?/;
const MARK = /^\{"type": ?"(?:hello|position)"/;
/** Between the events of one message. No JSON text has it. */
const SEPARATOR = "\x1e";
const POSITION = /^(.{1,128})-([0-9]{1,20})$/;

/** With it the server sends its position every 20 s, the only heartbeat that JavaScript can see (docs/protocol.md). */
export const MARKED = "simulcast.v1";
/** The same, and events that are sent together come in one message: each message costs a browser more than its events. */
const JOINED = "simulcast.v1.joined";
/** Of one channel. A snapshot may hold events of several, from the last ten minutes. */
const MAX_EPOCHS = 64;

/** The last position in each channel, "" for events without one. Python: simulcast/gateway/resume_position.py. */
export class ResumePosition {
  /** The largest offset of each epoch in each channel, the epoch of the newest event last. */
  #offsets = new Map();
  /** Those of earlier connections: events up to there are repeats. */
  #before = new Map();
  /** The position of this connection's hello, until an event or a mark brings a newer one. */
  #hello = null;
  #awaitsHello = false;
  /** The channel of events that carry none, once it is known. */
  #alone = "";
  /** Those that a new connection follows; none for those of its address. */
  channels = [];

  /** The value of the query's `since`; "" before the first event. */
  get since() {
    const last = new Map([...this.#offsets].map(([channel, offsets]) => [channel, [...offsets].at(-1).join("-")]));
    const named = [...last].filter(([channel]) => channel !== "");
    return named.map((pair) => pair.join(":")).join(",") || (last.get("") ?? "");
  }

  /** Begins a connection: events up to here may come again, and count as repeats then. */
  begin() {
    for (const [channel, offsets] of this.#offsets) {
      const before = this.#before.get(channel) ?? new Map();
      for (const [epoch, offset] of offsets) put(before, epoch, offset);
      this.#before.set(channel, before);
    }
    [this.#hello, this.#awaitsHello] = [null, true];
    this.#alone = this.channels.length === 1 ? this.channels[0] : "";
  }

  /**
   * Takes over all channels of this connection, to which `added` has come, "" for none, and drops the others. The first
   * time they tell the channel of the events that carried none.
   */
  follow(channels, added) {
    const owner = channels.find((channel) => channel !== added) ?? added;
    if (this.channels.length === 0 && owner) {
      this.#alone = owner;
      for (const places of [this.#offsets, this.#before]) {
        const known = places.get(owner) ?? new Map();
        for (const [epoch, offset] of places.get("") ?? []) put(known, epoch, offset);
        places.delete("");
        if (known.size > 0) places.set(owner, known);
      }
    }
    this.channels = [...channels];
    for (const places of [this.#offsets, this.#before]) {
      for (const channel of [...places.keys()]) if (channel && !channels.includes(channel)) places.delete(channel);
    }
  }

  /** Ends a connection. Its hello counts if a close frame came: behind the events that the hello announced. */
  end(hasClosed) {
    if (this.#hello && hasClosed) this.#see(this.#alone, this.#hello);
    this.#hello = null;
  }

  /** Forgets where to resume, so that the snapshot comes. False if there was nothing to forget. */
  forget() {
    const { size } = this.#offsets;
    this.begin();
    this.#offsets.clear();
    return size > 0;
  }

  /** Records one event. False for a repeat of an earlier connection's. */
  isNew(text) {
    const match = EVENT.exec(text);
    if (!match) return true;
    const [, epoch, digits, channel = this.#alone] = match;
    const offset = BigInt(digits);
    if (offset <= (this.#before.get(channel)?.get(epoch) ?? -1n)) return false;
    this.#see(channel, { epoch, offset });
    return true;
  }

  /** Records a mark of the server and returns it; null for any other message. `isAlone`: one channel is followed. */
  readMark(text, isAlone) {
    if (!MARK.test(text)) return null;
    const mark = parse(text);
    const match = POSITION.exec(mark?.position ?? "");
    if (!match) return null;
    const position = { epoch: match[1], offset: BigInt(match[2]) };
    if (mark.type === "position") this.#see(mark.channel ?? this.#alone, position);
    else if (isAlone && this.#awaitsHello) this.#hello = position;
    this.#awaitsHello = false; // a later one belongs to a channel that was subscribed to since
    return mark;
  }

  #see(channel, { epoch, offset }) {
    this.#hello = null;
    if (!this.#offsets.has(channel)) this.#offsets.set(channel, new Map());
    put(this.#offsets.get(channel), epoch, offset);
  }
}

/** Makes `epoch` the last one of a channel, at `offset` or a larger one that it had. */
function put(offsets, epoch, offset) {
  const earlier = offsets.get(epoch) ?? -1n;
  offsets.delete(epoch);
  offsets.set(epoch, offset > earlier ? offset : earlier);
  if (offsets.size > MAX_EPOCHS) offsets.delete(offsets.keys().next().value);
}

/** True for a socket whose server sends marks. */
export function hasMarks({ protocol }) {
  return protocol === MARKED || protocol === JOINED;
}

/** Returns the texts of one message. */
export function textsOf({ protocol }, data) {
  return protocol === JOINED ? data.split(SEPARATOR) : [data];
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
