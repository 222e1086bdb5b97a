"""Order of one channel's events: duplicates, gaps, epochs, and repetitions after a failover.

Pure: the listener reads from Redis, the feed decides. Only a broker's publication of the current epoch moves the
position; an offset that was seen is a duplicate, one that skips is a gap to be filled from the history.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto
from types import MappingProxyType

from simulcast.frontend.fanout.backlog import BacklogPosition
from simulcast.frontend.fanout.entries import Entry, frame_publication
from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.fanout.hub import Hub
from simulcast.frontend.fanout.identity import Identity, change_of, identity_of, lasting_state
from simulcast.frontend.fanout.latency import Latency
from simulcast.frontend.fanout.memory import MemoryPool
from simulcast.frontend.fanout.seen import SeenChanges
from simulcast.frontend.fanout.snapshot import MaskedSnapshot
from simulcast.frontend.fanout.view import View
from simulcast.model.events import SILENT_TTL_S, Event
from simulcast.model.position import Position
from simulcast.model.publication import Publication

LOST_TTL_S = 30.0  # how long publishers have to publish again what the server lost
CUT_TTL_S = 30.0  # how long clients that this or another front-end cut take to come back


class Outcome(Enum):
    ACCEPTED = auto()
    DUPLICATE = auto()
    GAP = auto()  # an earlier publication is missing
    OTHER_EPOCH = auto()  # the feed must start over


class Feed:
    """One channel from its first `load_snapshot` on: its position, its snapshot, and the hub of each view.

    `hub` is the hub of the plain view; those of other views come and go with their clients, and read the same backlog.
    """

    def __init__(self, hub: Hub, seen_pool: MemoryPool | None = None, silent_ttl_s: int = SILENT_TTL_S) -> None:
        """`seen_pool`: bounds the changes of state that the feeds know. `silent_ttl_s`: of events of no broker."""
        self.hub = hub
        self._silent_ttl_s = silent_ttl_s
        self.latency = Latency(hub.counters)
        hub.on_flush = self.latency.record_newest  # no method of this feed: a cycle would keep it from being freed
        self.backlog = hub.backlog
        self.log, self.snapshot = self.backlog.log, self.backlog.snapshot
        self.views: dict[View, Hub] = {}
        self._views_by_download: dict[str, dict[View, Hub]] = {}  # by download id; "" for views of all downloads
        self._old_tags: deque[str] = deque(maxlen=16)
        self.position: Position | None = None
        self.tag = ""
        self._since_snapshot: list[Entry] | None = None  # accepted while a snapshot is read
        self.is_stale = False  # the snapshot is still the previous epoch's
        self._seen = SeenChanges(seen_pool or MemoryPool())
        self._lost_identities: dict[str, set[Identity]] = {}  # by key: published here, lost by the server
        self._masked = MaskedSnapshot(self.snapshot, hub.counters.clock)
        self._invalidated_at = 0.0
        self._cut_position: Position | None = None  # where clients were cut, which know of events that are lost
        self._cut_at = float("-inf")

    def accept(self, publication: Publication) -> Outcome:
        """Deliver one publication, live or from the history, if the outcome is ACCEPTED."""
        position = publication.position
        if self.position is None or position.epoch != self.position.epoch:
            return Outcome.OTHER_EPOCH
        if position.offset <= self.position.offset:
            return Outcome.DUPLICATE
        if position.offset != self.position.offset + 1:
            self.hub.counters.gaps_found += 1
            return Outcome.GAP
        before, self.position = self.position, position
        self.latency.position = position
        entry = frame_publication(publication, position.offset)
        if self._since_snapshot is not None:
            self._since_snapshot.append(entry)
        if self._is_new(publication):
            self.snapshot.apply(entry)
            self._publish(entry, before)
        else:
            self._disconnect_joining()
            self._masked.apply(entry)
            self.log.restart_after(position.offset)  # a client without it recovers from the history
        return Outcome.ACCEPTED

    def accept_external(self, event: Event | str) -> None:
        """Deliver an event that no broker published: live, without a position."""
        if isinstance(event, str):
            self._publish(Entry(0, "-", "", text_frame(event.encode("utf-8", "replace"))), self.position)
        else:
            entry = Entry(0, event.label, event.key, text_frame(event.payload), self._silent_ttl_s)
            self._masked.apply(entry)
            self._publish(entry, self.position)

    def load_snapshot(
        self,
        position: Position,
        tag: str,
        publications: Sequence[Publication],
        ended_ago_s: Mapping[str, float],
        silent_s: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """Start, or start over, with a `broker.Snapshot` at `position`. It is not sent to clients that have joined."""
        here, newer = self.position, self._since_snapshot or []
        self._since_snapshot = None
        if here is None or (here.epoch, here.offset) < (position.epoch, position.offset):
            self.start_epoch(position, tag)
        self.is_stale = False
        self._disconnect_joining()
        ages_s = [(ended_ago_s if each.label[0] == "e" else silent_s).get(each.key, 0.0) for each in publications]
        entries = zip((frame_publication(each, 0) for each in publications), ages_s, strict=True)
        self._masked.load(entries, self._lost_identities.keys())
        active = {publication.key for publication in publications}
        known = active | self._lost_identities.keys() | {""}
        self._seen.keep(known)  # the server forgot the others, so a publication of them is new
        for publication in publications:
            if (change := identity_of(publication)) is not None:
                self._record(change, publication.position)
        for entry in newer:
            if entry.offset > position.offset:
                self._masked.apply(entry)

    def reset(self) -> None:
        """Cut every client, since events that they missed are lost; `load_snapshot` comes next."""
        for hub in self.hubs():
            hub.disconnect_all()
        if self._lost_identities:
            self._cut_position, self._cut_at = self.position, self.hub.counters.clock()
        self.position = None
        self.clear_seen()

    def clear_seen(self) -> None:
        """Take every later publication for new: the server forgot the earlier ones, or no client knows them."""
        self._seen.clear()
        self._lost_identities.clear()
        self._unmask(self._masked.keys)

    def invalidate(self, after: Position) -> None:
        """Note that the server lost the publications after that: the same changes of state are repetitions."""
        self._invalidated_at = self.hub.counters.clock()
        for identity in self._seen.after(after):
            self._lost_identities.setdefault(identity[0], set()).add(identity)

    def has_lost_events(self) -> bool:
        """Return whether clients know changes of state that the server lost, and that came again from no publisher."""
        if self.hub.counters.clock() - self._invalidated_at <= LOST_TTL_S:
            return False
        newest = [max(identities, key=change_of) for identities in self._lost_identities.values()]
        deleted = {identity[0] for identity in newest if (lasting_state(identity) or ("", ""))[1] == "deleted"}
        # A submission that was lost with its deletion is not sent again. A deletion alone leaves the download.
        return len(deleted) < len(newest) or self._masked.has_other(deleted)

    def is_recoverable(self, since: Position) -> bool:
        """Return whether a client at that position knows of no event that is lost: such clients need the snapshot."""
        if self.hub.counters.clock() - self._cut_at < CUT_TTL_S:
            return False
        cut = self._cut_position
        return cut is None or since.epoch != cut.epoch or since.offset > cut.offset

    def expect_snapshot(self) -> None:
        """Note that a snapshot is being read; `load_snapshot` comes next."""
        self._since_snapshot = []

    def start_epoch(self, position: Position, tag: str) -> None:
        """Continue after `position`. Clients keep their cursors."""
        if self.tag and tag != self.tag:
            self._old_tags.append(self.tag)
            self.hub.counters.epochs += 1
        self.is_stale = True
        self.position, self.tag = position, tag
        self.latency.position = position
        if self._since_snapshot is not None:
            self._since_snapshot = []
        self.log.restart_after(position.offset)
        self.latency.record_flush(position)

    def preload(self, publications: Sequence[Publication]) -> None:
        """Fill the log with publications from before the start, so that reconnecting clients recover from memory."""
        if publications and self.position is not None:
            self.log.restart_after(publications[0].position.offset - 1)
            for publication in publications:
                self.log.append(frame_publication(publication, publication.position.offset))

    def is_known_tag(self, tag: str) -> bool:
        """Return whether a broker of an earlier epoch published under that tag."""
        return tag in self._old_tags

    def _publish(self, entry: Entry, before: Position | None) -> None:
        """Append to the log, and give it to each hub whose view has it. `before`: the position before the entry."""
        self.log.append(entry)
        matching = [(self.hub, entry.frame)]
        if self.views:
            named = b""
            for key in {"", entry.key}:
                for view, hub in self._views_by_download.get(key, {}).items():
                    if view.with_channel and not view.interval_ms:
                        named = named or view.add_channel(entry.frame)
                    matching.append((hub, named if view.with_channel else entry.frame))
        for hub, frame in matching:
            hub.add(frame, before)
        for hub, _ in matching:
            hub.flush_if_large()

    def add_view(self, view: View, hub: Hub) -> None:
        """Give the hub the view's events from now on."""
        self.views[view] = hub
        self._views_by_download.setdefault(view.download_id, {})[view] = hub

    def drop_view(self, view: View) -> None:
        """Give the view's hub no more events."""
        del self.views[view]
        views = self._views_by_download[view.download_id]
        del views[view]
        if not views:
            del self._views_by_download[view.download_id]

    def publish_position_marks(self) -> None:
        """Send the channel's position to views with marks: their clients recover from there even without an event."""
        if self.position is not None:
            for hub in [hub for view, hub in self.views.items() if view.marks]:
                hub.write_position_mark(self.position)

    def place_in_snapshot(self, resumable: bool) -> BacklogPosition:
        """Return the place of a client that joins with the snapshot; see `Backlog.at_snapshot`."""
        if self._masked.is_over():
            self._unmask(self._masked.keys)
        return self.backlog.at_snapshot(resumable)

    def hubs(self) -> list[Hub]:
        """Return the hub of each view."""
        return [self.hub, *self.views.values()]

    def client_counts(self) -> tuple[int, int]:
        """Return the number of clients, and how many of them are not current."""
        lagging, clients = self.hub.lagging, self.hub.clients
        for hub in self.views.values():
            lagging, clients = lagging + hub.lagging, clients + hub.clients
        return clients, lagging

    def close(self) -> None:
        """Give the memory back: the channel has no clients any more."""
        self.log.clear()
        self.snapshot.clear()
        self._seen.clear()

    def _disconnect_joining(self) -> None:
        for hub in self.hubs():
            hub.disconnect_joining()

    def _is_new(self, publication: Publication) -> bool:
        """Return whether this is no repetition after a failover, and no state that clients have passed."""
        identity, key = identity_of(publication), publication.key
        newest = max(self._lost_identities.get(key, ()), key=change_of, default=("", ""))
        if identity is not None and change_of(identity) and change_of(newest):
            is_back = identity == newest or lasting_state(identity) == lasting_state(newest) is not None
            if is_back or change_of(identity) < change_of(newest):
                # Each process publishes its part of what was lost again: the newest state follows, or clients are cut.
                self._record(identity, publication.position)
                if is_back:
                    self._confirm_all(key)
                return False
            self._forget_lost(key)
        is_new = identity is None or self._record(identity, publication.position)
        if is_new:
            self._unmask({key})
        if identity is None and not (publication.label == "p" and newest[1].startswith("s:")):
            self._forget_lost(key)
        return is_new

    def _forget_lost(self, key: str) -> None:
        """Take later events of the download for new: its state differs from the one lost."""
        for lost in self._lost_identities.pop(key, ()):
            self._seen.drop(lost)

    def _record(self, identity: Identity, position: Position) -> bool:
        """Record a change of state among those seen, and return whether it is new."""
        is_new = self._seen.record(identity, position)
        if not is_new:
            self._confirm(identity)
        return is_new

    def _confirm(self, identity: Identity) -> None:
        """Note that the server has it again."""
        lost = self._lost_identities.get(identity[0], set())
        lost.discard(identity)
        if not lost:
            self._confirm_all(identity[0])

    def _confirm_all(self, key: str) -> None:
        self._lost_identities.pop(key, None)
        self._unmask({key})

    def _unmask(self, keys: Collection[str]) -> None:
        if masked := self._masked.keys.intersection(keys):
            self._disconnect_joining()
            self._masked.unmask(masked)
