"""What a client that joins is owed: from memory, else from the history, else the snapshot. Decides; asks nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.fanout.log import Entry, Log
from simulcast.model.position import Position
from simulcast.model.publication import Publication, with_event_id

_NO_BOUND = 2**62  # a page of the history is bounded where it is read


@dataclass(frozen=True, slots=True)
class Replay:
    """What brings the client to where the feed is now, oldest first. `recovered`: whether that is all it missed."""

    entries: list[Entry]
    recovered: bool


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """Memory doesn't reach back: read what came after `after`, then decide again from the last of it."""

    after: Position
    until: Position


@dataclass(frozen=True, slots=True)
class CatchUp:
    """The client saw more than this process has: ask Redis first, then decide again."""


def plan_recovery(feed: Feed, since: Position | None) -> Replay | ReadHistory | CatchUp:
    """What to do for a client whose last position is `since`. The feed must have started."""
    here = feed.position
    if since is None or here is None:
        return replay_snapshot(feed)
    if is_ahead(feed, since):
        return CatchUp()
    if since.epoch != here.epoch:
        return replay_snapshot(feed)
    kept = feed.hub.log.entries_after(since.offset)
    if kept is None:
        return ReadHistory(since, here)
    return Replay(kept, recovered=True)


def is_ahead(feed: Feed, since: Position | None) -> bool:
    """Whether the client saw more than this process has, or says so."""
    here = feed.position
    if since is None or here is None:
        return False
    return since.epoch > here.epoch or (since.epoch == here.epoch and since.offset > here.offset)


def replay_snapshot(feed: Feed) -> Replay:
    """The snapshot, when what the client missed can't be told."""
    return Replay(feed.snapshot_entries(), recovered=False)


def conflate(publications: Sequence[Publication]) -> list[Entry]:
    """A piece of the history, without what is superseded in it."""
    log = Log(max_entries=len(publications) + 1, max_bytes=_NO_BOUND)
    for publication in publications:
        frame = text_frame(with_event_id(publication.position, publication.payload))
        log.append(Entry(publication.position.offset, publication.label, publication.key, frame))
    return log.entries_after(0) or []
