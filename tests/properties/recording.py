"""A log and a feed that record their input, and the events that clients are due."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from simulcast.frontend.fanout.entries import Entry
from simulcast.frontend.fanout.feed import Feed, Outcome
from simulcast.frontend.fanout.frames import payloads
from simulcast.frontend.fanout.identity import change_of, lasting_state
from simulcast.frontend.fanout.log import Log
from simulcast.model.events import Event
from simulcast.model.position import Position
from simulcast.model.publication import Publication
from tests.fake_clients import make_hub
from tests.properties.model import Expected, told
from tests.redis_model import RedisModel

MAX_ENTRIES = 10
MAX_BYTES = 900

Change = tuple[str, str, int]


class RecordingLog(Log):
    """Records the events that the hub appended."""

    def __init__(self) -> None:
        super().__init__(MAX_ENTRIES, MAX_BYTES)
        self.given: list[bytes] = []

    def append(self, entry: Entry) -> int:
        self.given.extend(payloads(entry.frame))
        return super().append(entry)


class RecordingFeed(Feed):
    """Records the accepted publications, and those that every client is due."""

    def __init__(self, server: RedisModel) -> None:
        self.recorded = RecordingLog()
        super().__init__(make_hub(server.clock, self.recorded))
        self.server = server
        self.began = Position(0, 0)  # where it began, or began anew
        self.began_anew = 0
        self.taken: list[Publication] = []  # since then
        self.told: list[Expected] = []
        self.foreign_keys: set[str] = set()
        self._remembered: dict[Change, Position] = {}  # that were told, or in a snapshot, and are no news
        self._lost_again: set[Change] = set()  # of these, what the server has lost

    def accept(self, publication: Publication) -> Outcome:
        here, given = self.position, len(self.recorded.given)
        outcome = super().accept(publication)
        if outcome is Outcome.ACCEPTED:
            assert here is not None and publication.position == Position(here.epoch, here.offset + 1)
            self.taken.append(publication)
            is_given = len(self.recorded.given) > given
            assert is_given == self._is_due(publication), "told again" if is_given else "nobody was told"
            if is_given:
                self.told.append(told(publication))
        return outcome

    def _is_due(self, publication: Publication) -> bool:
        """Return whether clients are due it: no repetition of what they know, and no state that they have passed."""
        change, key = self._change(publication), publication.key
        lost = {each for each in self._lost_again if each[0] == key}
        newest = max((each[:2] for each in lost), key=change_of, default=("", ""))
        if publication.label[0] not in "se":
            if publication.label != "p" or not newest[1].startswith("s:"):
                self._forget(lost)  # the download goes another way than before
            return True
        identity = change[:2]
        is_back = bool(lost) and (identity == newest or lasting_state(identity) == lasting_state(newest) is not None)
        is_passed = is_back or change_of(identity) < change_of(newest)
        if is_back:
            self._lost_again -= lost
        elif not is_passed:
            self._forget(lost)
        is_due = not is_passed and change not in self._remembered
        self._remembered[change] = publication.position
        self._lost_again.discard(change)
        return is_due

    def _forget(self, lost: set[Change]) -> None:
        self._lost_again -= lost
        for each in lost:
            self._remembered.pop(each, None)

    def invalidate(self, after: Position) -> None:
        super().invalidate(after)
        last = after.epoch, after.offset
        self._lost_again |= {each for each, place in self._remembered.items() if (place.epoch, place.offset) > last}

    def clear_seen(self) -> None:
        super().clear_seen()
        self._lost_again.clear()

    def _change(self, publication: Publication) -> Change:
        """Identify a change of state, repeated after a failover; after a flush nothing is a repetition."""
        return publication.key, publication.label, self.server.flushes_before[publication.position]

    def accept_external(self, event: Event | str) -> None:
        super().accept_external(event)
        if isinstance(event, str):
            event = Event(event.encode(), "", "-")
        self.told.append(Expected(event.label, event.key, event.payload, stored=False))
        self.foreign_keys.add(event.key)

    def load_snapshot(
        self,
        position: Position,
        tag: str,
        publications: Sequence[Publication],
        ended_ago_s: Mapping[str, float],
        silent_s: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        if self.position is None:
            self.began, self.taken, self._remembered = position, [], {}
            self._flushes_at_start = self.server.flushes_before.get(position, self.server.flushes)
        super().load_snapshot(position, tag, publications, ended_ago_s, silent_s)
        keys = {each.key for each in publications} | {each[0] for each in self._lost_again}
        held = {self._change(each): each.position for each in publications if each.label[0] in "se"}
        self._remembered = {each: place for each, place in self._remembered.items() if each[0] in keys} | held
        self._lost_again -= held.keys()

    def reset(self) -> None:
        here = self.server.asked  # the live flow may have gone on meanwhile
        missed = [each for each in self.server.line + self.server.lost if is_after(each, here)]
        unknown = any(each.epoch > here.epoch for each in self.server.ends)  # how far its own epoch had come
        lost = any(each not in self.server.history for each in missed)
        flushed = self.server.flushes > self._flushes_at_start
        assert lost or unknown or flushed or self.has_lost_events(), "they were cut, and nothing is lost"
        super().reset()
        self.began_anew += 1
        assert not any(hub.clients for hub in (self.hub, *self.views.values())), "somebody has a hole and wasn't cut"

    def preload(self, publications: Sequence[Publication]) -> None:
        given = len(self.recorded.given)
        super().preload(publications)
        del self.recorded.given[given:]


def is_after(publication: Publication, position: Position) -> bool:
    here = publication.position
    return (here.epoch, here.offset) > (position.epoch, position.offset)
