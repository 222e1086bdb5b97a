"""Recovery of a client that joins: from memory, else from the history, else the snapshot. Decides; does no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.log import Entry, Log, frame_publication
from simulcast.model.position import Position
from simulcast.model.publication import Publication

_UNBOUNDED = 2**62  # a page of the history is bounded where it is read


@dataclass(frozen=True, slots=True)
class Replay:
    """The events that bring the client up to date, oldest first. `recovered`: whether it misses nothing."""

    entries: list[Entry]
    recovered: bool


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """Memory doesn't reach back: read the history after `after`, then decide again from the last one read."""

    after: Position
    until: Position


@dataclass(frozen=True, slots=True)
class CatchUp:
    """The client is ahead of this process: poll Redis first, then decide again."""


def plan_recovery(feed: Feed, since: Position | None) -> Replay | ReadHistory | CatchUp:
    """Decide the next step for a client whose last position is `since`. The feed must have started."""
    head = feed.position
    if since is None or head is None:
        return replay_snapshot(feed)
    if is_ahead(feed, since):
        return CatchUp()
    if since.epoch != head.epoch or not feed.is_recoverable(since):
        return replay_snapshot(feed)
    entries = feed.hub.log.entries_after(since.offset)
    if entries is None:
        return ReadHistory(since, head)
    return Replay(entries, recovered=True)


def is_ahead(feed: Feed, since: Position | None) -> bool:
    """Return whether the client claims a position ahead of this process."""
    head = feed.position
    if since is None or head is None:
        return False
    return since.epoch > head.epoch or (since.epoch == head.epoch and since.offset > head.offset)


def replay_snapshot(feed: Feed) -> Replay:
    """Return the snapshot, for a client whose missed events are lost."""
    return Replay(feed.snapshot_entries(), recovered=False)


def conflate(publications: Sequence[Publication]) -> list[Entry]:
    """Return a page of the history without the events superseded in it."""
    log = Log(len(publications) + 1, _UNBOUNDED)
    for publication in publications:
        log.append(frame_publication(publication, publication.position.offset))
    return log.entries_after(0) or []
