"""What is kept until a replica has it."""

import logging

import pytest

from simulcast.store.unreplicated import (
    MAX_RETAINED,
    PROBE_INTERVAL_S,
    REPLICATED_TTL_S,
    RESEND_BATCH,
    UNREPLICATED_TTL_S,
    UnreplicatedCalls,
)


def unreplicated(number: int) -> UnreplicatedCalls[int]:
    found = UnreplicatedCalls[int]()
    for call in range(number):
        found.add(call, 0)
    return found


def given(calls: UnreplicatedCalls[int], now: float) -> list[int]:
    found = []
    while part := calls.due(now):
        assert len(part) <= RESEND_BATCH
        found += part
    return found


def test_where_another_server_may_serve_all_are_due_at_once_and_in_order() -> None:
    calls = unreplicated(3 * RESEND_BATCH + 1)
    assert given(calls, 0) == []
    calls.on_failover(0)
    assert given(calls, 0) == list(range(3 * RESEND_BATCH + 1))
    assert given(calls, 0) == []


def test_while_the_same_server_has_no_replica_one_is_due_now_and_then() -> None:
    calls = unreplicated(3)
    assert given(calls, PROBE_INTERVAL_S) == [0]
    assert given(calls, 1.5 * PROBE_INTERVAL_S) == []
    assert given(calls, 2 * PROBE_INTERVAL_S) == [0]


def test_what_a_replica_has_or_nobody_wants_is_due_no_more() -> None:
    calls = unreplicated(4)
    calls.on_failover(0)
    calls.mark_replicated(1, 0)
    calls.drop(2)
    assert given(calls, 0) == [0, 3]


def test_what_a_replica_has_is_due_in_its_place_where_another_server_serves_soon() -> None:
    calls = unreplicated(3)
    calls.mark_replicated(1, 0)
    calls.mark_replicated(3, 0)
    calls.on_failover(REPLICATED_TTL_S - 1)
    assert given(calls, REPLICATED_TTL_S - 1) == [0, 1, 2, 3]
    calls = UnreplicatedCalls[int]()
    calls.mark_replicated(0, 0)
    assert not calls and calls.is_retaining
    assert given(calls, REPLICATED_TTL_S) == []
    assert not calls.is_retaining


def test_once_there_is_a_replica_the_others_are_due_at_once() -> None:
    calls = unreplicated(3)
    assert given(calls, PROBE_INTERVAL_S) == [0]
    calls.mark_replicated(0, PROBE_INTERVAL_S)
    calls.retry_all_now()
    assert given(calls, PROBE_INTERVAL_S) == [1, 2]


def test_they_are_kept_for_a_while_from_each_time_another_server_may_serve() -> None:
    calls = unreplicated(2)
    calls.on_failover(UNREPLICATED_TTL_S - 1)
    assert given(calls, UNREPLICATED_TTL_S - 1) == [0, 1]
    assert given(calls, UNREPLICATED_TTL_S + 1) == [0]
    assert given(calls, 2 * UNREPLICATED_TTL_S) == []
    assert not calls


def test_beyond_their_number_the_oldest_are_kept_no_longer_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="simulcast"):
        calls = unreplicated(MAX_RETAINED + 2)
    calls.on_failover(0)
    assert given(calls, 0) == list(range(2, MAX_RETAINED + 2))
    assert len(caplog.records) == 1
