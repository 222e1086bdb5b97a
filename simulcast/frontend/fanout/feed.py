"""In which order one channel's events came from Redis, what is missing, and what was told already.

Pure: the listener asks Redis, this decides. A position is taken only from what a broker sent in the present epoch; an
offset that was seen is a duplicate, one that skips is a gap to be filled from the history.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto

from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.fanout.hub import Hub
from simulcast.frontend.fanout.latency import Latency
from simulcast.frontend.fanout.log import Entry
from simulcast.frontend.fanout.snapshot import ENDED_TTL_S, ChannelSnapshot, SnapshotCache
from simulcast.frontend.fanout.view import View
from simulcast.model.events import Event
from simulcast.model.position import Position
from simulcast.model.publication import Publication, with_event_id

MAX_SEEN = 50_000
Identity = tuple[str, str]  # key, and what tells a change of state from others of that key
MARK_KEY = "position\n"  # no event's key has a line break


class Outcome(Enum):
    ACCEPTED = auto()
    DUPLICATE = auto()
    GAP = auto()  # something before it is missing
    OTHER_EPOCH = auto()  # the feed must start over


class Feed:
    """One channel, from the first `take_over` on: what it holds, and the hub of each view of it.

    `hub` is that of the plain view, whose log is the channel's; those of other views come and go with their clients.
    """

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.latency = Latency(hub.counters)
        hub.on_flush = self._on_flush
        self.snapshot = ChannelSnapshot(hub.counters.clock)
        self.views: dict[View, Hub] = {}
        self._hubs_by_download: dict[
            str, dict[View, Hub]
        ] = {}  # those of views of one download, by its id; "" for all others
        self._snapshot_cache = SnapshotCache()
        self._old_tags: deque[str] = deque(maxlen=16)
        self.position: Position | None = None
        self.tag = ""
        self._during_snapshot: list[Entry] | None = None  # what was taken since a snapshot was asked for
        self.is_stale = False  # the snapshot is still that of an epoch before
        self._seen: OrderedDict[Identity, Position] = OrderedDict()
        self._unconfirmed: dict[str, set[Identity]] = {}  # by key, what the server has lost of what was told
        # Newest events of the keys that the server lost; joining clients get them until they are replayed.
        self._lost_events = ChannelSnapshot(hub.counters.clock)
        self._lost_at = 0.0

    def accept(self, publication: Publication) -> Outcome:
        """One publication, live or from the history; delivers it unless the outcome says why not."""
        position = publication.position
        if self.position is None or position.epoch != self.position.epoch:
            return Outcome.OTHER_EPOCH
        if position.offset <= self.position.offset:
            return Outcome.DUPLICATE
        if position.offset != self.position.offset + 1:
            self.hub.counters.gaps_found += 1
            return Outcome.GAP
        self.position = position
        entry = _make_entry(publication, position.offset)
        if self._during_snapshot is not None:
            self._during_snapshot.append(entry)
        if self._is_new(publication):
            self._deliver(entry)
        else:
            self.snapshot.apply(entry)
            self.hub.log.restart_after(position.offset)  # who wasn't told it here asks the history
            self._snapshot_cache.clear()
        return Outcome.ACCEPTED

    def accept_external(self, event: Event | str) -> None:
        """What came past the brokers: delivered live, with no position."""
        if isinstance(event, str):
            self._publish(Entry(0, "-", "", text_frame(event.encode("utf-8", "replace"))))
        else:
            self._deliver(Entry(0, event.label, event.key, text_frame(event.payload)))

    def load_snapshot(
        self, position: Position, tag: str, publications: Sequence[Publication], ended_ago_s: Mapping[str, float]
    ) -> None:
        """Begins, or begins anew, with what goes on at `position`. Clients that are here get nothing of it."""
        here, newer = self.position, self._during_snapshot or []
        self._during_snapshot = None
        if here is None or (here.epoch, here.offset) < (position.epoch, position.offset):
            self.start_epoch(position, tag)
        self.is_stale = False
        lost = [entry for entry in self.snapshot_entries() if entry.key in self._unconfirmed]
        self._lost_events.clear()
        for entry in lost:
            self._lost_events.apply(entry)
        self._lost_at = self.hub.counters.clock()
        self.snapshot.clear()
        self._snapshot_cache.clear()
        active = {publication.key for publication in publications}
        known = active | self._unconfirmed.keys() | {""}
        for identity in [identity for identity in self._seen if identity[0] not in known]:
            del self._seen[identity]  # the server knows nothing of it any more, and may tell of it again
        for publication in publications:
            self.snapshot.apply(_make_entry(publication, 0), ended_ago_s.get(publication.key, 0.0))
            if (stated := _identity(publication)) is not None:
                self._record(stated, publication.position)
        for entry in newer:
            if entry.offset > position.offset:
                self.snapshot.apply(entry)

    def reset(self) -> None:
        """Cuts every client, since what they missed can't be told; `take_over` comes next."""
        for hub in (self.hub, *self.views.values()):
            hub.disconnect_all()
        self.position = None
        self.clear_seen()

    def clear_seen(self) -> None:
        """From here on all is news: the server knows of nothing that was told before, or nobody is here who was."""
        self._seen.clear()
        self._unconfirmed.clear()
        self._lost_events.clear()

    def invalidate(self, after: Position) -> None:
        """The server has lost what was told after that: if it is told again as it was, it isn't news."""
        for identity, position in self._seen.items():
            if (position.epoch, position.offset) > (after.epoch, after.offset):
                self._unconfirmed.setdefault(identity[0], set()).add(identity)

    def expect_snapshot(self) -> None:
        """One is being read; `take_over` comes next."""
        self._during_snapshot = []

    def start_epoch(self, position: Position, tag: str) -> None:
        """From here on positions are those after `position`. Clients keep their place."""
        if self.tag and tag != self.tag:
            self._old_tags.append(self.tag)
            self.hub.counters.epochs += 1
        self.is_stale = True
        self.position, self.tag = position, tag
        if self._during_snapshot is not None:
            self._during_snapshot = []
        self.hub.log.restart_after(position.offset)
        self.latency.record_flush(position)

    def preload(self, publications: Sequence[Publication]) -> None:
        """What was published just before the feed began, so that who comes back is served from memory."""
        if publications and self.position is not None:
            self.hub.log.restart_after(publications[0].position.offset - 1)
            for publication in publications:
                self.hub.log.append(_make_entry(publication, publication.position.offset))
            self.hub.skip_to_head()

    def snapshot_for(self, view: View, hub: Hub, now: float) -> tuple[bytes, int]:
        """The snapshot as that view shows it, and the cursor of its hub behind which the live flow goes on."""
        return self._snapshot_cache.get(view, hub, self.snapshot_entries, now)

    def snapshot_entries(self) -> list[Entry]:
        """What who joins is told, oldest first; of what the server has lost, for a while, what those here know."""
        if self.hub.counters.clock() - self._lost_at > ENDED_TTL_S:
            self._lost_events.clear()
        lost = self._lost_events.entries()
        keys = {entry.key for entry in lost}
        return [*(entry for entry in self.snapshot.entries() if entry.key not in keys), *lost]

    def is_known_tag(self, tag: str) -> bool:
        """Whether a broker of an epoch before this one published under that tag."""
        return tag in self._old_tags

    def _deliver(self, entry: Entry) -> None:
        self.snapshot.apply(entry)
        self._publish(entry)

    def _publish(self, entry: Entry) -> None:
        self.hub.publish(entry)
        if entry.label == "-":
            self._snapshot_cache.clear()
        for key in {"", entry.key}:
            for view, hub in self._hubs_by_download.get(key, {}).items():
                frame = view.frame(entry)
                if frame is not None:
                    hub.publish(entry if frame is entry.frame else replace(entry, frame=frame))

    def add_view(self, view: View, hub: Hub) -> None:
        """From here on the hub gets what the view shows."""
        self.views[view] = hub
        self._hubs_by_download.setdefault(view.download_id, {})[view] = hub

    def drop_view(self, view: View) -> None:
        """Its hub gets nothing more."""
        del self.views[view]
        of_one = self._hubs_by_download[view.download_id]
        del of_one[view]
        if not of_one:
            del self._hubs_by_download[view.download_id]

    def _on_flush(self) -> None:
        if self.position is not None:
            self.latency.record_flush(self.position)

    def publish_position_marks(self) -> None:
        """Tells those who want marks how far the channel is: they recover from there though nothing came for them."""
        for view, hub in self.views.items():
            if view.marks and self.position is not None:
                hub.publish(Entry(0, "p", MARK_KEY, view.position_mark(self.position)))

    def _is_new(self, publication: Publication) -> bool:
        """Whether this was not told before (a repetition after a failover)."""
        identity = _identity(publication)
        is_news = identity is None or self._record(identity, publication.position)
        if self._lost_events and is_news:
            self._lost_events.forget(publication.key)
        if identity is None:
            for lost in self._unconfirmed.pop(publication.key, ()):  # it goes another way than before:
                self._seen.pop(lost, None)  # then its end is news too
        return is_news

    def _record(self, identity: Identity, position: Position) -> bool:
        """Whether it is new. Remembers MAX_SEEN."""
        is_news = identity not in self._seen
        self._seen[identity] = position
        if is_news:
            if len(self._seen) > MAX_SEEN:
                self._seen.popitem(last=False)
        else:
            self._seen.move_to_end(identity)
            self._confirm(identity)
        return is_news

    def _confirm(self, identity: Identity) -> None:
        """The server has it again."""
        doubtful = self._unconfirmed.get(identity[0], set())
        doubtful.discard(identity)
        if not doubtful:
            self._unconfirmed.pop(identity[0], None)
            self._lost_events.forget(identity[0])


def _identity(publication: Publication) -> Identity | None:
    """What a repetition has in common with the first; None for what is told as often as it is published."""
    if publication.once:
        return publication.key, publication.once
    is_counted = publication.label[0] in "se" and not publication.label.endswith(":")
    return (publication.key, publication.label) if is_counted else None


def _make_entry(publication: Publication, offset: int) -> Entry:
    frame = text_frame(with_event_id(publication.position, publication.payload))
    return Entry(offset, publication.label, publication.key, frame)
