"""The checker on events of workers, and across a failover."""

from dataclasses import replace

import pytest

from benchmarks.faults.check import Finding, check
from benchmarks.faults.journal import Published, Seen
from tests.faults.journals import (
    END_B,
    HELLO,
    NOTE,
    OPENED,
    PUBLISHED,
    STARTED_A,
    STARTED_B,
    all_but,
    back,
    got,
    judged,
)

STATES_OF_A_WORKER = [Published(f"w/{n}", "w", "state", n == 3, -1, 0.0, "acknowledged") for n in (1, 2, 3)]
TOLD = [Seen("got", 7, f"w/{n}", "w", "state", n, f"7-{n + 90}", is_end=n == 3) for n in (1, 2, 3)]


def of_a_worker(journal: list[Seen]) -> Finding:
    return judged([*all_but(), *journal], [*PUBLISHED, *STATES_OF_A_WORKER])


def test_each_change_that_a_worker_told_must_come_once_and_in_order() -> None:
    first, second, third = TOLD
    assert of_a_worker(TOLD).wrong == 0
    assert of_a_worker([first, third]).lost == {"state": 1}
    assert of_a_worker([first, second, second, third]).duplicated == {"state": 1}
    assert of_a_worker([replace(first, event_id="7-92"), replace(second, event_id="7-91"), third]).reordered["state"]


def test_when_a_worker_told_is_not_known_so_any_gap_pardons_what_is_no_end() -> None:
    away = [got(0), Seen("opened", 0.5), *all_but(0), TOLD[0], TOLD[2]]
    assert judged(away, [*PUBLISHED, *STATES_OF_A_WORKER], kept=False).in_gap == {"state": 1}


def test_a_download_that_ends_twice_or_goes_on_after_its_end_is_not_in_order() -> None:
    twice = [*STATES_OF_A_WORKER, Published("w/4", "w", "state", True, -1, 0.0, "acknowledged")]
    second_end = Seen("got", 8, "w/4", "w", "state", 4, "7-94", is_end=True)
    assert judged([*all_but(), *TOLD, second_end], [*PUBLISHED, *twice]).reordered == {"state": 1}
    progress = Seen("got", 8, "", "w", "progress", -1, "7-94")
    assert of_a_worker([*TOLD, progress]).reordered == {"progress": 1}


def test_a_workers_progress_has_no_number_and_is_known_by_its_id() -> None:
    _, second, third = TOLD
    progress = Seen("got", 7, "", "w", "progress", -1, "7-91")
    assert of_a_worker([second, progress, third]).reordered == {"progress": 1}
    between = [TOLD[0], replace(TOLD[1], event_id="7-92"), replace(progress, event_id="7-93")]
    end = replace(TOLD[2], event_id="7-94")
    assert of_a_worker([*between, end]).wrong == 0
    assert of_a_worker([*between, between[-1], end]).duplicated == {"progress": 1}


def test_the_longest_silence_is_measured_while_the_publisher_publishes() -> None:
    journal = [
        got(0),
        got(1),
        got(2),
        got(3, 2.5),
        got(4, 1.6),
        got(5, 0.7),
        got(6),
        Seen("got", 99, "a/1", "a", "state", 0),
    ]
    assert judged(journal).longest_silence_s == pytest.approx(3.4)


def test_to_come_back_is_not_to_hear_something() -> None:
    heard = [got(0), got(1), got(2)]
    assert judged([*heard, *back(4.0, True, "7-3"), got(6)]).longest_silence_s == pytest.approx(4.0)
    assert judged([*heard, *back(4.0, True, "7-3")]).longest_silence_s == pytest.approx(3.9)


def test_an_earlier_state_that_another_server_published_after_a_client_left_it_may_be_missing() -> None:
    states = [
        Published("w/1", "w", "state", False, -1, 0.0, "unknown", ["7-8"]),
        Published("w/2", "w", "state", True, -1, 0.0, "unknown", ["7-9", "9-1"]),
    ]
    first, end = (replace(event, event_id=place) for event, place in zip(TOLD, ("7-8", "9-1"), strict=False))
    told = [replace(first, ident="w/1"), replace(end, ident="w/2", is_end=True)]
    for journal, lost in (([told[1]], 0), ([told[0]], 1), ([got(0, event_id="7-10"), told[1]], 1)):
        clients = [("one", True, [OPENED, HELLO, *told]), ("two", True, [OPENED, HELLO, *journal])]
        assert check(states, clients)[1].lost.total() == lost


def test_of_a_download_that_a_former_server_alone_knew_and_deleted_a_client_may_have_received_nothing() -> None:
    deleted = [Published("w/1.2.deleted", "w", "state", True, -1, 0.0, "acknowledged", ["7-9"])]
    for journal, lost in (([got(0, event_id="7-8")], 0), ([got(0, event_id="7-10")], 1)):
        assert judged(journal, [*PUBLISHED[:1], *deleted]).lost.total() == lost


def test_a_bare_client_may_receive_ended_downloads_behind_running_ones_once_a_connection() -> None:
    snapshot = [Seen("opened", 5.5), got(END_B), got(STARTED_A, 9), got(NOTE, 9)]
    assert judged([*all_but(END_B), *snapshot], kept=False).reordered.total() == 0
    assert judged([*all_but(END_B), *snapshot, got(STARTED_B, 9)], kept=False).reordered.total() > 0


@pytest.mark.parametrize(("other", "lost"), [("w/1.4.complete", 0), ("w/1.4.paused", 1), ("w/2.4.complete", 1)])
def test_an_end_may_have_another_number_where_a_client_had_it_from_the_former_server(other: str, lost: int) -> None:
    """A worker whose report was not answered reports again, and each server takes its own number."""
    event_of = {name: name.rpartition(".")[2] for name in ("w/1.3.complete", other, "w/1.5.deleted")}
    states = [Published(name, "w", "state", "deleted" in name, -1, 0.0, "unknown", ["7-8"]) for name in event_of]
    told = [replace(TOLD[0], ident=name, event=event, event_id="") for name, event in event_of.items()]
    clients = [("one", True, [OPENED, HELLO, told[0], told[2]]), ("two", True, [OPENED, HELLO, *told[1:]])]
    later = got(0, event_id="7-10")
    assert check(states, [(*each[:2], [*each[2], later]) for each in clients])[1].lost.total() == lost
