"""What is kept until a replica has it."""

import logging

import pytest

from simulcast.store.unreplicated import KEPT_S, MOST_KEPT, PART, REPEAT_S, SETTLED_S, Unconfirmed


def kept(number: int) -> Unconfirmed[int]:
    found = Unconfirmed[int]()
    for call in range(number):
        found.add(call, 0)
    return found


def given(calls: Unconfirmed[int], now: float) -> list[int]:
    found = []
    while part := calls.due(now):
        assert len(part) <= PART
        found += part
    return found


def test_where_another_server_may_serve_all_are_due_at_once_and_in_order() -> None:
    calls = kept(3 * PART + 1)
    assert given(calls, 0) == []
    calls.doubt(0)
    assert given(calls, 0) == list(range(3 * PART + 1))
    assert given(calls, 0) == []


def test_while_the_same_server_has_no_replica_one_is_due_now_and_then() -> None:
    calls = kept(3)
    assert given(calls, REPEAT_S) == [0]
    assert given(calls, 1.5 * REPEAT_S) == []
    assert given(calls, 2 * REPEAT_S) == [0]


def test_what_a_replica_has_or_nobody_wants_is_due_no_more() -> None:
    calls = kept(4)
    calls.doubt(0)
    calls.confirm(1, 0)
    calls.drop(2)
    assert given(calls, 0) == [0, 3]


def test_what_a_replica_has_is_due_in_its_place_where_another_server_serves_soon() -> None:
    calls = kept(3)
    calls.confirm(1, 0)
    calls.confirm(3, 0)
    calls.doubt(SETTLED_S - 1)
    assert given(calls, SETTLED_S - 1) == [0, 1, 2, 3]
    calls = Unconfirmed[int]()
    calls.confirm(0, 0)
    assert not calls and calls.watches
    assert given(calls, SETTLED_S) == []
    assert not calls.watches


def test_once_there_is_a_replica_the_others_are_due_at_once() -> None:
    calls = kept(3)
    assert given(calls, REPEAT_S) == [0]
    calls.confirm(0, REPEAT_S)
    calls.hurry()
    assert given(calls, REPEAT_S) == [1, 2]


def test_they_are_kept_for_a_while_from_each_time_another_server_may_serve() -> None:
    calls = kept(2)
    calls.doubt(KEPT_S - 1)
    assert given(calls, KEPT_S - 1) == [0, 1]
    assert given(calls, KEPT_S + 1) == [0]
    assert given(calls, 2 * KEPT_S) == []
    assert not calls


def test_beyond_their_number_the_oldest_are_kept_no_longer_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="simulcast"):
        calls = kept(MOST_KEPT + 2)
    calls.doubt(0)
    assert given(calls, 0) == list(range(2, MOST_KEPT + 2))
    assert len(caplog.records) == 1
