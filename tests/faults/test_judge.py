"""The judge finds each kind of wrong in made-up downloads and commands, and pardons what is no wrong."""

from dataclasses import replace

import pytest

from benchmarks.faults.journal import Seen
from benchmarks.faults.judge import Answer, Download, Evidence, Given, Verdict, Witnesses, judge

DIGEST = "of its bytes"


def given(action: str, answer: Answer = "accepted") -> Given:
    return Given(action, f"{action}-1", "rest", answer)


def evidence(*commands: Given, state: str = "complete", **files: str) -> Evidence:
    """Return the evidence of one download. `state`: of its record, "" for none; a complete one has its file."""
    records = {"a": {"state": state, "file_path": "/x/a.bin"}} if state else {}
    kept = {"a.bin": DIGEST} if state == "complete" else {}
    return Evidence([Download("a.bin", DIGEST, "a", list(commands))], records, {**kept, **files})


def state(event: str, change: int, attempt: int = 1) -> Seen:
    ident = f"a/{attempt}.{change}.{event}"
    is_end = event in ("complete", "error", "cancelled")
    return Seen("got", change, ident, "a", "state", change, f"7-{change}", is_end=is_end, event=event, attempt=attempt)


def judged(evidence: Evidence, *events: Seen) -> Verdict:
    witnesses = Witnesses(["kept-0"])
    for event in events or [state("queued", 1), state("started", 2), state("complete", 3)]:
        witnesses.add("kept-0", event)
    return judge(evidence, witnesses)


def wrongs(verdict: Verdict) -> tuple[int, int]:
    return len(verdict.downloads), len(verdict.commands)


def test_a_complete_download_with_its_file_has_nothing_wrong() -> None:
    verdict = judged(evidence())
    assert wrongs(verdict) == (0, 0)
    assert (verdict.submitted, verdict.complete) == (1, 1)


def test_an_acknowledged_download_without_a_record_is_wrong() -> None:
    assert wrongs(judged(evidence(state=""), state("deleted", 1))) == (1, 0)


def test_a_submission_without_an_answer_may_have_no_record() -> None:
    assert wrongs(judge(Evidence([Download("a.bin", DIGEST)], {}, {}), Witnesses([]))) == (0, 0)


@pytest.mark.parametrize("end", ["error", "running", "queued"])
def test_a_download_that_does_not_complete_is_wrong(end: str) -> None:
    events = {"error": "error", "running": "resumed", "queued": "queued"}
    assert wrongs(judged(evidence(state=end), state(events[end], 3))) == (1, 0)


def test_a_file_with_other_bytes_or_none_is_wrong() -> None:
    assert wrongs(judged(evidence(**{"a.bin": "other"}))) == (1, 0)
    assert wrongs(judged(replace(evidence(), files={}))) == (1, 0)


def test_a_file_that_belongs_to_no_record_is_wrong() -> None:
    assert wrongs(judged(evidence(**{"b.bin": "of others"}))) == (1, 0)
    assert wrongs(judged(evidence(**{"a.part.1-x": "a part"}))) == (1, 0)


def test_a_paused_download_has_one_part_file() -> None:
    paused = evidence(given("pause"), state="paused", **{"a.part.1-x": "a part"})
    assert wrongs(judged(paused, state("paused", 3))) == (0, 0)
    twice = replace(paused, files={"a.part.1-x": "a part", "a.part.2-y": "another"})
    assert wrongs(judged(twice, state("paused", 3))) == (1, 0)


@pytest.mark.parametrize(("action", "effect"), [("pause", "paused"), ("cancel", "cancelled"), ("delete", "deleted")])
def test_an_accepted_command_must_be_in_effect(action: str, effect: str) -> None:
    in_effect = evidence(given(action), state="" if effect == "deleted" else effect)
    assert wrongs(judged(in_effect, state(effect, 3))) == (0, 0)
    assert wrongs(judged(evidence(given(action)))) == (0, 1)


def test_a_command_without_an_answer_may_be_in_effect_or_not() -> None:
    unknown = given("cancel", "unavailable")
    assert wrongs(judged(evidence(unknown))) == (0, 0)
    assert wrongs(judged(evidence(unknown, state="cancelled"), state("cancelled", 3))) == (0, 0)


def test_a_refused_command_may_not_be_possible() -> None:
    assert wrongs(judged(evidence(given("pause", "invalid_transition")))) == (0, 0)
    refused = evidence(given("pause"), given("resume", "invalid_transition"), state="paused")
    assert wrongs(judged(refused, state("paused", 3))) == (0, 1)


def test_a_download_that_is_unknown_to_a_command_is_wrong() -> None:
    assert wrongs(judged(evidence(given("pause", "unknown_download")))) == (0, 1)


def test_a_command_may_come_too_late_where_the_end_says_so() -> None:
    end = replace(state("complete", 3), overtaken="cancel", command_id="cancel-1")
    assert wrongs(judged(evidence(given("cancel")), end)) == (0, 0)
    assert wrongs(judged(evidence(given("cancel")), replace(end, command_id="another"))) == (0, 1)
    assert wrongs(judged(evidence(given("delete")), end)) == (0, 1)


def test_resumed_and_retried_downloads_must_complete() -> None:
    assert wrongs(judged(evidence(given("pause"), given("resume")))) == (0, 0)
    assert wrongs(judged(evidence(given("pause"), given("resume"), state="paused"), state("paused", 3))) == (0, 1)
    again = evidence(given("cancel"), given("retry"))
    assert wrongs(judged(again, state("cancelled", 3), state("queued", 4, 2), state("complete", 5, 2))) == (0, 0)


def test_a_client_whose_last_event_differs_from_the_record_or_that_received_none_is_wrong() -> None:
    assert wrongs(judged(evidence(), state("resumed", 3))) == (1, 0)
    assert wrongs(judge(evidence(), Witnesses(["kept-0", "bare-0"]))) == (2, 0)


def test_an_attempt_that_ends_twice_is_wrong() -> None:
    assert wrongs(judged(evidence(), state("cancelled", 3), state("complete", 4))) == (1, 0)
    assert wrongs(judged(evidence(), state("complete", 3), state("complete", 3))) == (0, 0)  # the checker's to count
    repeated = evidence(replace(given("cancel"), is_repeated=True), given("retry"))
    events = [state("cancelled", 3), state("started", 4), state("cancelled", 5), state("complete", 6, 2)]
    assert wrongs(judged(repeated, *events)) == (0, 0)
    overtook = replace(state("complete", 4), overtaken="cancel", command_id="cancel-1")
    assert wrongs(judged(evidence(given("cancel")), state("cancelled", 3), overtook)) == (0, 0)


def test_the_last_event_of_a_download_that_any_client_received_is_due_to_all() -> None:
    witnesses = Witnesses(["kept-0"])
    for event in (state("queued", 1), state("cancelled", 2), state("queued", 3, 2), state("complete", 4, 2)):
        witnesses.add("kept-0", event)
    assert [event.ident for event in witnesses.events() if event.is_end] == ["a/2.4.complete"]
    assert {event.outcome for event in witnesses.events()} == {"unknown"}


def test_a_load_that_was_not_played_is_named() -> None:
    assert judged(evidence(given("pause"))).unplayed == ["nothing played: no accepted commands by websocket"]
    assert len(judge(Evidence([], {}, {}), Witnesses([])).unplayed) == 4
