"""Calls that are kept until a replica has them."""

import logging
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulcast.store import unreplicated
from simulcast.store.unreplicated import POSTPONE_S, POSTPONED_TTL_S, REPLICATED_TTL_S, RESEND_BATCH, UnreplicatedCalls


def retain_calls(number: int) -> UnreplicatedCalls[int]:
    calls = UnreplicatedCalls[int]()
    for call in range(number):
        calls.add(call, 10)
    return calls


def resend(calls: UnreplicatedCalls[int], now: float) -> list[int]:
    """Send all that is due again, to a master without a replica."""
    sent = []
    while batch := calls.due(now):
        assert len(batch) <= RESEND_BATCH
        sent += batch
        for call in batch:
            calls.add(call, 10)
    return sent


def test_the_next_master_gets_all_of_them_in_order_once() -> None:
    calls = retain_calls(3 * RESEND_BATCH + 1)
    assert resend(calls, 0) == []
    calls.on_failover()
    assert resend(calls, 0) == list(range(3 * RESEND_BATCH + 1))
    assert resend(calls, 1e9) == []


def test_calls_without_a_replica_are_kept_for_ever() -> None:
    calls = retain_calls(3)
    assert resend(calls, 1e9) == []
    calls.on_failover()
    assert resend(calls, 1e9) == [0, 1, 2]


def test_a_batch_that_did_not_arrive_is_due_again() -> None:
    calls = retain_calls(2)
    calls.on_failover()
    assert calls.due(0) == calls.due(0) == [0, 1]


def test_a_refused_call_is_due_no_more() -> None:
    calls = retain_calls(3)
    calls.on_failover()
    calls.drop(1)
    assert resend(calls, 0) == [0, 2]


def test_calls_that_a_replica_has_keep_their_place_for_a_while() -> None:
    calls = retain_calls(3)
    calls.mark_replicated(0)
    calls.add(3, 10)
    calls.on_failover()
    assert resend(calls, REPLICATED_TTL_S - 1) == [0, 1, 2, 3]
    calls.mark_replicated(0)
    assert not calls and calls.is_retaining
    assert resend(calls, REPLICATED_TTL_S) == []
    assert not calls.is_retaining


def test_calls_that_another_process_has_to_precede_are_sent_again_for_a_while() -> None:
    calls = retain_calls(1)
    calls.on_failover()
    sent = []
    now = 0.0
    for now in range(int(POSTPONED_TTL_S / POSTPONE_S) + 2):
        for call in calls.due(now):
            sent.append(call)
            calls.postpone(call, now)
    assert len(sent) > POSTPONED_TTL_S / POSTPONE_S - 2
    assert not calls.is_retaining


@pytest.mark.parametrize(("calls_limit", "bytes_limit"), [(10, 10**6), (10**6, 100)])
def test_a_full_store_drops_nothing_that_no_replica_has(
    calls_limit: int, bytes_limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unreplicated, "MAX_UNREPLICATED", calls_limit)
    monkeypatch.setattr(unreplicated, "MAX_BYTES", bytes_limit)
    calls = retain_calls(9)
    assert not calls.is_full
    calls.add(9, 10)
    calls.add(10, 10)
    assert calls.is_full
    calls.on_failover()
    assert resend(calls, 0) == list(range(11))
    calls.mark_replicated(0)
    assert not calls.is_full


def test_half_of_the_number_without_a_replica_is_worth_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(unreplicated, "MAX_UNREPLICATED", 10)
    with caplog.at_level(logging.WARNING, logger="simulcast"):
        retain_calls(9)
    assert len(caplog.records) == 1


STEPS = st.lists(st.sampled_from(["add", "replicate", "postpone", "fail over", "resend", "wait"]), max_size=60)


@given(STEPS)
def test_whatever_happens_every_call_without_a_replica_reaches_the_next_master(steps: list[str]) -> None:
    calls, numbers, now = UnreplicatedCalls[int](), count(), 0.0
    missing: set[int] = set()  # what no replica has
    postponed_at: dict[int, float] = {}
    for step in steps:
        if step == "add":
            missing.add(call := next(numbers))
            calls.add(call, 10)
        elif step == "replicate":
            resend(calls, now)
            calls.mark_replicated(now)
            missing.clear()
        elif step == "postpone":
            for call in calls.due(now):
                calls.postpone(call, now)
                if now - postponed_at.setdefault(call, now) >= POSTPONED_TTL_S:
                    missing.discard(call)
        elif step == "fail over":
            calls.on_failover()
            postponed_at.clear()
        elif step == "resend":
            resend(calls, now)
        else:
            now += REPLICATED_TTL_S / 2
    calls.on_failover()
    sent = resend(calls, now)
    assert sent == sorted(sent)
    assert missing <= set(sent)
    assert len(calls) == len(sent)
