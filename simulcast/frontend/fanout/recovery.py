"""Recovery of a client that joins: from memory, else from the history, else the snapshot. Decides; does no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulcast.frontend.fanout.backlog import BacklogPosition
from simulcast.frontend.fanout.entries import Entry, frame_publication
from simulcast.frontend.fanout.feed import Feed
from simulcast.model.position import Position
from simulcast.model.publication import Publication


@dataclass(frozen=True, slots=True)
class Replay:
    """The place from which the client is brought up to date. `recovered`: whether it misses nothing."""

    place: BacklogPosition
    recovered: bool


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """Memory doesn't reach back: read the history after `after`, then decide again from the last one read."""

    after: Position
    until: Position


@dataclass(frozen=True, slots=True)
class CatchUp:
    """The client is ahead of this process: poll Redis first, then decide again."""


def plan_recovery(feed: Feed, since: Position | None, resumes: bool = False) -> Replay | ReadHistory | CatchUp:
    """Decide the next step for a client whose last position is `since`. The feed must have started.

    `resumes`: the client keeps its position, also where it has none yet.
    """
    head = feed.position
    if since is None or head is None:
        return replay_snapshot(feed, since, resumes)
    if is_ahead(feed, since):
        return CatchUp()
    if since.epoch != head.epoch or not feed.is_recoverable(since):
        return replay_snapshot(feed, since)
    place = feed.backlog.at_offset(since.offset)
    return ReadHistory(since, head) if place is None else Replay(place, recovered=True)


def is_ahead(feed: Feed, since: Position | None) -> bool:
    """Return whether the client claims a position ahead of this process."""
    head = feed.position
    if since is None or head is None:
        return False
    return since.epoch > head.epoch or (since.epoch == head.epoch and since.offset > head.offset)


def replay_snapshot(feed: Feed, since: Position | None, resumes: bool = False) -> Replay:
    """Return the snapshot: for a client without a position, or one whose missed events are lost."""
    return Replay(feed.place_in_snapshot(resumable=resumes or since is not None), recovered=False)


def conflate(publications: Sequence[Publication]) -> list[Entry]:
    """Return a page of the history without the events superseded in it."""
    newest = {publication.key: number for number, publication in enumerate(publications) if publication.label[0] != "-"}
    return [
        frame_publication(publication, publication.position.offset)
        for number, publication in enumerate(publications)
        if publication.label[0] != "p" or newest[publication.key] == number
    ]
