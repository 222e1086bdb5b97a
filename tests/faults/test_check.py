"""The checker finds each kind of wrong in made-up journals, and pardons what is no wrong."""

from collections import Counter
from dataclasses import replace

import pytest

from benchmarks.faults.check import check
from benchmarks.faults.journal import Published, Seen
from tests.faults.journals import (
    END_A,
    END_B,
    HELLO,
    NOTE,
    OPENED,
    PROGRESS_1,
    PROGRESS_2,
    PUBLISHED,
    STARTED_A,
    STARTED_B,
    all_but,
    back,
    got,
    judged,
)


@pytest.mark.parametrize("kept", [True, False])
def test_who_got_everything_once_and_in_order_has_nothing_wrong(kept: bool) -> None:
    found = judged(all_but(), kept=kept)
    assert found.wrong == 0
    assert found.received == 7
    assert not found.examples


@pytest.mark.parametrize(
    ("missing", "kind"),
    [(STARTED_A, "state"), (STARTED_B, "state"), (NOTE, "other"), (END_A, "state"), (END_B, "state")],
)
@pytest.mark.parametrize("kept", [True, False])
def test_one_that_is_missing_is_lost(missing: int, kind: str, kept: bool) -> None:
    found = judged(all_but(missing), kept=kept)
    assert found.lost == Counter([kind])
    assert found.examples == [f"lost: {PUBLISHED[missing].ident}"]


def test_who_got_nothing_has_lost_all() -> None:
    assert judged([]).lost.total() == 7


def test_progress_is_pardoned_where_newer_progress_or_the_end_came() -> None:
    assert judged(all_but(PROGRESS_1)).wrong == 0
    assert judged(all_but(PROGRESS_1, PROGRESS_2)).wrong == 0


def test_progress_is_lost_where_nothing_newer_of_its_download_came() -> None:
    assert judged(all_but(PROGRESS_2, END_A)).lost == {"progress": 1, "state": 1}


def test_newer_progress_of_another_download_pardons_nothing() -> None:
    lonely = [*PUBLISHED, Published("7", "c", "progress", False, 7, 6.5, "acknowledged")]
    assert judged(all_but(), lonely).lost == {"progress": 1}


@pytest.mark.parametrize("number", [STARTED_B, PROGRESS_1, NOTE, END_A])
@pytest.mark.parametrize("kept", [True, False])
def test_one_that_came_twice_on_a_connection_is_a_duplicate(number: int, kept: bool) -> None:
    journal = all_but()
    journal.insert(number + 1, got(number, 0.2))
    found = judged(journal, kept=kept)
    assert found.duplicated == Counter([PUBLISHED[number].kind])


@pytest.mark.parametrize("number", [STARTED_B, NOTE, END_A])
def test_one_that_was_stored_twice_is_a_duplicate_unless_it_is_progress(number: int) -> None:
    assert judged([*all_but(), got(number, 9, "7-8")]).wrong > 0
    once_more = [got(each) for each in range(3)] + [got(PROGRESS_1, 0.2, "7-90")]
    assert judged(once_more, PUBLISHED[:3]).wrong == 0


def test_one_that_came_again_after_a_recovery_is_a_duplicate() -> None:
    journal = [*all_but(END_B), *back(5.5, True, "7-6"), got(NOTE, 2.6), got(END_B)]
    assert judged(journal).duplicated == {"other": 1}


def test_one_that_came_again_behind_the_snapshot_is_a_duplicate() -> None:
    journal = [*all_but(END_B), *back(5.5, False, "7-2"), got(STARTED_B, 4.6), got(END_A, 0.6), got(END_B)]
    assert judged(journal).duplicated == {"state": 1}


def test_what_a_snapshot_repeats_is_no_duplicate() -> None:
    again = [got(STARTED_B, 4.6), got(END_A, 0.6), got(END_B)]
    assert judged([*all_but(END_B), *back(5.5, False, "7-6"), *again]).wrong == 0
    assert judged([*all_but(END_B), Seen("opened", 5.5), *again], kept=False).wrong == 0


def test_what_comes_after_something_newer_of_its_download_is_not_in_order() -> None:
    journal = all_but()
    journal[PROGRESS_2], journal[END_A] = journal[END_A], journal[PROGRESS_2]
    assert judged(journal).reordered["progress"] >= 1
    without_ids = [replace(each, event_id="") for each in journal]
    assert judged(without_ids, kept=False).reordered == {"progress": 1}


def test_older_progress_behind_newer_is_not_in_order_even_without_ids() -> None:
    journal = [replace(got(number), event_id="") for number in (0, 1, 4, 3, 2, 5, 6)]
    assert judged(journal, kept=False).reordered == {"progress": 1}


def test_what_has_no_id_may_come_between_what_has_one() -> None:
    journal = all_but()
    journal[NOTE] = replace(journal[NOTE], event_id="")
    assert judged(journal).wrong == 0


def test_what_was_published_before_a_client_joined_is_not_due() -> None:
    joined = [Seen("opened", 2.5), Seen("hello", 2.5, event_id="7-3"), *all_but(0, 1, 2)]
    assert check(PUBLISHED, [("late", True, joined)])[0].wrong == 0


def test_ids_that_fall_are_not_in_order_even_of_different_downloads() -> None:
    journal = all_but()
    journal[END_A], journal[END_B] = journal[END_B], journal[END_A]
    assert judged(journal).reordered == {"state": 1}


def test_an_epoch_that_was_left_must_not_come_back() -> None:
    journal = [got(0), got(1, event_id="9-1"), got(2), got(3), got(4), got(5), got(6)]
    assert judged(journal).reordered.total() == 5
    assert judged([got(0), *(got(number, event_id=f"9-{number}") for number in range(1, 7))]).wrong == 0


def test_between_two_connections_a_client_that_recovers_may_miss_nothing() -> None:
    journal = [got(0), got(1), *back(5.5, True, "7-6"), got(END_A, 0.6), got(END_B)]
    found = judged(journal)
    assert found.lost == {"other": 1}
    assert found.gaps == 0


def test_inside_an_announced_gap_all_but_ends_is_pardoned() -> None:
    journal = [got(0), got(1), *back(5.5, False, "7-6"), got(END_A, 0.6), got(END_B)]
    found = judged(journal)
    assert found.wrong == 0
    assert found.gaps == 1
    assert found.in_gap == {"other": 1}


def test_an_end_inside_an_announced_gap_is_lost() -> None:
    journal = [got(0), got(1), *back(5.5, False, "7-6"), got(END_B)]
    assert judged(journal).lost == {"state": 1}


def test_what_was_published_before_or_after_an_announced_gap_is_lost() -> None:
    before = [got(0), got(2), *back(2.5, False, "7-3"), got(3), got(4), got(5), got(6)]
    assert judged(before).lost == {"state": 1}
    after = [got(0), got(1), got(2), *back(2.5, False, "7-3"), got(4), got(5), got(6)]
    assert judged(after).lost == {"other": 1}


def test_a_bare_client_may_miss_what_is_no_end_while_it_is_away() -> None:
    journal = [got(0), got(1), Seen("opened", 4.5), got(END_A), got(END_B)]
    found = judged(journal, kept=False)
    assert found.wrong == 0
    assert (found.gaps, found.in_gap) == (1, {"other": 1})


def test_a_snapshot_may_tell_again_how_a_download_began() -> None:
    journal = [got(0), got(1), got(3), got(4), Seen("opened", 4.5), got(0, 4.6), got(4, 0.6)]
    assert judged(journal, PUBLISHED[:5], kept=False).wrong == 0
    without_progress = [*journal[:-1]]
    assert judged(without_progress, PUBLISHED[:5], kept=False).wrong == 0


def test_a_bare_client_that_is_back_must_be_told_of_the_end_it_missed() -> None:
    journal = [got(0), got(1), Seen("opened", 5.5), got(END_B)]
    assert judged(journal, kept=False).lost == {"state": 1}


def test_what_was_published_after_a_bare_client_was_back_is_lost_if_it_is_missing() -> None:
    journal = [got(0), Seen("opened", 0.5), got(1), got(2), got(4), got(5), got(6)]
    assert judged(journal, kept=False).lost == {"other": 1}


def test_what_the_publisher_does_not_know_of_may_be_missing_everywhere_but_not_at_one() -> None:
    unknown = [*PUBLISHED]
    unknown[NOTE] = replace(unknown[NOTE], outcome="unknown")
    assert judged(all_but(NOTE), unknown).wrong == 0
    one, other = check(
        unknown, [("one", True, [OPENED, HELLO, *all_but()]), ("other", True, [OPENED, HELLO, *all_but(NOTE)])]
    )
    assert one.wrong == 0
    assert other.lost == {"other": 1}


def test_what_was_refused_or_never_published_is_strange_when_it_comes() -> None:
    refused = [*PUBLISHED]
    refused[NOTE] = replace(refused[NOTE], outcome="refused")
    assert judged(all_but(NOTE), refused).wrong == 0
    assert judged(all_but(), refused).strange == 1
    assert judged([*all_but(), Seen("got", 9, "99", "", "other", 99, "7-99")]).strange == 1
