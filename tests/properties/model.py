"""The behaviour of a front-end, as naively as possible: lists that only grow, searched from end to end."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulcast.model.publication import Publication, with_event_id


def wire(publication: Publication) -> bytes:
    """Return the payload as a client gets it."""
    return with_event_id(publication.position, publication.payload)


@dataclass(frozen=True)
class Expected:
    """One event that every connected client must get. `stored`: it is in the history."""

    label: str
    key: str
    payload: bytes
    stored: bool


def told(publication: Publication) -> Expected:
    return Expected(publication.label, publication.key, wire(publication), stored=True)


def superseded(events: Sequence[Expected], place: int) -> bool:
    """Return whether a slow client may miss the event: newer progress or a change of state follows."""
    event = events[place]
    return event.label == "p" and any(
        each.key == event.key and each.label != "-" and (each.stored or not event.stored)
        for each in events[place + 1 :]
    )


def assert_owed(got: Sequence[bytes], events: Sequence[Expected]) -> None:
    """Assert that `got` is `events` in order, each at most once, without any but superseded events missing."""
    _assert_in_order(got, events, len(events))


def assert_on_the_way(got: Sequence[bytes], events: Sequence[Expected]) -> None:
    """Assert the same up to the last event that a client got; later ones may be under way."""
    _assert_in_order(got, events, None)


def _assert_in_order(got: Sequence[bytes], events: Sequence[Expected], until: int | None) -> None:
    places = {event.payload: place for place, event in enumerate(events)}
    assert len(places) == len(events), "the same was told twice"
    unknown = [payload for payload in got if payload not in places]
    assert not unknown, f"nobody told that: {unknown}"
    order = [places[payload] for payload in got]
    assert order == sorted(set(order)), f"out of order or repeated: {order}"
    missing = set(range(max(order, default=0) if until is None else until)) - set(order)
    lost = [events[place].payload for place in missing if not superseded(events, place)]
    assert not lost, f"never came: {lost}"
