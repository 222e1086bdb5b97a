import pytest

from simulcast.frontend.subscriptions.options import SubscribeOptions, parse, select_subprotocol
from simulcast.model.position import Position


def test_who_asks_for_nothing_follows_the_downloads() -> None:
    assert parse([]) == SubscribeOptions()
    assert not parse([]).with_channel


def test_channels_positions_one_download_and_an_interval_are_read() -> None:
    query = [("channel", "a"), ("channel", "b"), ("channel", "a"), ("since", "a:1-2,b:3-4")]
    options = parse([*query, ("download_id", "x"), ("interval_ms", "950"), ("other", "?")], ["simulcast.v1"])
    assert options == SubscribeOptions(("a", "b"), {"a": Position(1, 2), "b": Position(3, 4)}, "x", 1000, True)
    assert options.with_channel


@pytest.mark.parametrize(
    ("subprotocol", "marks", "joined"),
    [("simulcast.v1.joined", True, True), ("simulcast.v1", True, False), ("simulcast.flat", False, False)],
)
def test_a_subprotocol_chooses_marks_and_joined_events(subprotocol: str, marks: bool, joined: bool) -> None:
    options = parse([], [subprotocol])
    view = options.view("a", False, None)
    assert (view.marks, view.joined, options.resumes) == (marks, joined, True)


@pytest.mark.parametrize(
    ("asked", "given"),
    [(0, 0), (1, 100), (1000, 1000), (1001, 1500), (4999, 5000), (5001, 10_000), (59_999, 60_000), (60_000, 60_000)],
)
def test_intervals_are_rounded_up_to_few(asked: int, given: int) -> None:
    assert parse([("interval_ms", str(asked))]).interval_ms == given


@pytest.mark.parametrize("since", ["1-2", "downloads:1-2"])
def test_with_one_channel_a_position_needs_no_name(since: str) -> None:
    assert parse([("since", since)]).since == {"downloads": Position(1, 2)}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ([("channel", "a b")], "channel"),
        ([("channel", "")], "channel"),
        ([("channel", str(n)) for n in range(51)], "at most 50"),
        ([("since", "x")], "since"),
        ([("channel", "a"), ("channel", "b"), ("since", "1-2")], "since"),
        ([("interval_ms", "-1")], "interval_ms"),
        ([("interval_ms", "60001")], "interval_ms"),
        ([("interval_ms", "9" * 5000)], "interval_ms"),
        ([("interval_ms", "٣")], "interval_ms"),
        ([("download_id", "x" * 201)], "download_id"),
    ],
)
def test_what_makes_no_sense_is_named(query: list[tuple[str, str]], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse(query)


def test_the_newest_subprotocol_that_both_speak_is_chosen() -> None:
    assert select_subprotocol(["simulcast.flat", "simulcast.v1"]) == "simulcast.v1"
    assert select_subprotocol(["simulcast.v1", "simulcast.v1.joined"]) == "simulcast.v1.joined"
    assert select_subprotocol(["mqtt", "simulcast.flat"]) == "simulcast.flat"
    assert select_subprotocol(["mqtt"]) is select_subprotocol([]) is None
