import pytest

from tests.model.worlds import Answer, Call, Contradiction, Phase, Worlds


def worlds(*answered: str) -> Worlds:
    """Return those of a download whose commands were all accepted, one after the other."""
    found = Worlds("complete")
    for action in ("add", *answered):
        give(found, action)
    return found


def give(found: Worlds, action: str, answer: Answer = "accepted", is_loose: bool = False) -> None:
    call = Call(action, is_loose=is_loose)
    found.send(call)
    found.answer(call, answer)


def may_be(found: Worlds, phase: Phase) -> bool:
    return not found.difference([phase])


@pytest.mark.parametrize(
    ("answered", "possible", "impossible"),
    [
        ([], ["complete"], ["error", "aside", "cancelled", "gone", "left"]),
        (["pause"], ["paused", "overtaken"], ["complete", "cancelled", "gone"]),
        (["cancel"], ["cancelled", "overtaken"], ["complete", "paused"]),
        (["pause", "resume"], ["complete"], ["overtaken", "gone"]),
        (["cancel", "retry"], ["complete"], ["overtaken", "absent"]),
        (["delete"], ["gone", "left"], ["complete", "cancelled"]),
        (["cancel", "clear"], ["gone", "left", "cancelled"], ["complete", "paused"]),
    ],
)
def test_accepted_commands_permit_their_outcomes_and_no_other(
    answered: list[str], possible: list[Phase], impossible: list[Phase]
) -> None:
    found = worlds(*answered)
    assert [phase for phase in possible if not may_be(found, phase)] == []
    assert [phase for phase in impossible if may_be(found, phase)] == []


def test_a_command_without_an_answer_may_take_effect_or_not_and_also_later() -> None:
    found, call = worlds(), Call("cancel")
    found.send(call)
    found.abandon(call)
    give(found, "pause")
    assert [phase for phase in ("paused", "cancelled", "overtaken") if not may_be(found, phase)] == []
    assert not may_be(found, "gone")


@pytest.mark.parametrize(
    ("answered", "action", "answer"),
    [
        (["delete"], "pause", "accepted"),
        (["delete"], "delete", "accepted"),
        (["cancel", "delete"], "retry", "invalid_transition"),
        ([], "resume", "accepted"),
        ([], "pause", "unknown_download"),
        (["pause"], "retry", "accepted"),
    ],
)
def test_an_answer_that_no_order_explains_is_a_contradiction(answered: list[str], action: str, answer: Answer) -> None:
    with pytest.raises(Contradiction):
        give(worlds(*answered), action, answer)


def test_commands_that_overlap_may_take_effect_in_either_order() -> None:
    found, first, second = worlds(), Call("cancel"), Call("retry")
    found.send(first)
    found.send(second)
    found.answer(second, "accepted")
    found.answer(first, "accepted")
    assert may_be(found, "cancelled")
    assert may_be(found, "complete")


def test_around_a_failover_a_stale_answer_is_explained_and_what_was_accepted_last_still_holds() -> None:
    found = worlds("cancel", "delete")
    give(found, "pause", is_loose=True)
    assert not may_be(found, "complete")
    found = worlds("pause")
    give(found, "cancel", "unknown_download", is_loose=True)
    give(found, "cancel", is_loose=True)
    assert may_be(found, "cancelled")
    assert not may_be(found, "paused")


def test_a_master_that_lived_on_after_its_failover_may_have_accepted_a_command_too_late() -> None:
    found, call = worlds(), Call("cancel", is_loose=True, is_late=True)
    found.send(call)
    found.answer(call, "accepted")
    assert may_be(found, "complete")
    assert not may_be(found, "paused")


def test_a_limit_is_the_one_that_was_accepted_last() -> None:
    found = worlds()
    for limit in (5, 7):
        call = Call("limit", limit=limit)
        found.send(call)
        found.answer(call, "accepted")
    assert found.difference(["complete"], 7) == ""
    assert found.difference(["complete"], 5) != ""
