"""The position that a client resumes from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulcast.gateway.resume_position import MAX_EPOCHS, ResumePosition
from tests.gateway_server import progress_event


def reads(bookmark: ResumePosition, *event_ids: str) -> list[str]:
    """The ids that are news, of those that come in this order."""
    return [event_id for event_id in event_ids if bookmark.is_new(progress_event(event_id))]


def test_nothing_was_seen_before_the_first_event() -> None:
    assert ResumePosition().event_id is None


def test_the_last_event_is_where_to_resume() -> None:
    bookmark = ResumePosition()
    reads(bookmark, "7-1", "7-20")
    assert bookmark.event_id == "7-20"


def test_on_the_first_connection_everything_is_news() -> None:
    bookmark = ResumePosition()
    bookmark.begin()
    assert reads(bookmark, "7-5", "7-5", "7-3") == ["7-5", "7-5", "7-3"]
    assert bookmark.event_id == "7-5"


def test_what_an_earlier_connection_brought_is_no_news() -> None:
    bookmark = ResumePosition()
    reads(bookmark, "7-1", "7-20")
    bookmark.begin()
    assert reads(bookmark, "7-3", "7-20", "7-21", "7-30") == ["7-21", "7-30"]


def test_offsets_compare_as_numbers() -> None:
    bookmark = ResumePosition()
    reads(bookmark, "7-9")
    bookmark.begin()
    assert reads(bookmark, "7-10") == ["7-10"]


def test_a_new_epoch_is_news_and_becomes_the_last() -> None:
    bookmark = ResumePosition()
    reads(bookmark, "7-20")
    bookmark.begin()
    assert reads(bookmark, "7-4", "3-1", "7-5", "7-21") == ["3-1", "7-21"]
    reads(bookmark, "3-2")
    assert bookmark.event_id == "3-2"
    bookmark.begin()
    assert reads(bookmark, "7-5", "7-21", "3-2", "3-3", "7-22") == ["3-3", "7-22"]


EVENTS = st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from("789"), st.integers(1, 6))


@given(st.lists(st.lists(EVENTS, unique=True, max_size=12), max_size=8))
def test_an_event_is_news_unless_an_earlier_connection_brought_it_or_a_later_one_of_its_epoch(
    connections: list[list[tuple[str, str, int]]],
) -> None:
    position = ResumePosition()
    seen: dict[tuple[str, str], int] = {}
    for events in connections:
        position.begin()
        before = dict(seen)
        for channel, epoch, offset in events:
            text = in_channel(channel, f"{epoch}-{offset}") if channel else progress_event(f"{epoch}-{offset}")
            is_new = offset > before.get((channel, epoch), 0)
            assert position.is_new(text) == is_new
            if is_new:
                seen[channel, epoch] = max(offset, seen.get((channel, epoch), 0))


def test_of_many_epochs_the_last_are_remembered() -> None:
    position = ResumePosition()
    event_ids = [f"{epoch}-1" for epoch in range(MAX_EPOCHS + 1)]
    reads(position, *event_ids)
    position.begin()
    assert reads(position, *event_ids) == ["0-1"]


def test_an_epoch_may_change_within_a_connection() -> None:
    bookmark = ResumePosition()
    bookmark.begin()
    assert reads(bookmark, "7-20", "8-1", "8-2") == ["7-20", "8-1", "8-2"]
    assert bookmark.event_id == "8-2"


def test_an_epoch_may_be_any_text() -> None:
    bookmark = ResumePosition()
    reads(bookmark, "a-b-1")
    bookmark.begin()
    assert bookmark.event_id == "a-b-1"
    assert reads(bookmark, "a-b-1", "a-1") == ["a-1"]


@pytest.mark.parametrize(
    "text",
    [
        "Hello from Flutter!",
        "",
        "{}",
        '{"type":"command_result","event_id":"7-1"}',
        '{"event_id":7}',
        '{"event_id":"7"}',
        '{"event_id":"7-x"}',
        '["event_id","7-1"]',
    ],
)
def test_what_carries_no_position_is_always_news(text: str) -> None:
    bookmark = ResumePosition()
    reads(bookmark, "7-20")
    bookmark.begin()
    assert bookmark.is_new(text)
    assert bookmark.is_new(text)
    assert bookmark.event_id == "7-20"


def in_channel(channel: str, event_id: str) -> str:
    return f'{{"event_id":"{event_id}","channel":"{channel}","type":"x"}}'


def test_each_channel_has_a_position_of_its_own() -> None:
    bookmark = ResumePosition()
    for channel, event_id in (("a", "7-5"), ("b", "7-2")):
        assert bookmark.is_new(in_channel(channel, event_id))
    assert bookmark.event_id == "a:7-5,b:7-2"
    bookmark.begin()
    assert not bookmark.is_new(in_channel("b", "7-2"))
    assert bookmark.is_new(in_channel("b", "7-3"))
    assert not bookmark.is_new(in_channel("a", "7-5"))
    assert bookmark.event_id == "a:7-5,b:7-3"
