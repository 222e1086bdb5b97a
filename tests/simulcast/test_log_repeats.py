"""Warnings that repeat."""

import logging

from simulcast.log_repeats import MAX_REMEMBERED, REPEAT_INTERVAL_S, Repeats


def warning(text: str, level: int = logging.WARNING, error: Exception | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, None) if error else None
    return logging.LogRecord("simulcast.x", level, "", 0, "%s", (text,), exc_info)


def said(records: list[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in records]


def test_what_repeats_is_said_once_and_then_summed_once_an_interval() -> None:
    repeats = Repeats()
    assert said(repeats.add(warning("no jobs"), 0)) == ["no jobs"]
    assert repeats.next_sum_at() is None
    for second in range(1, 4):
        assert repeats.add(warning("no jobs"), second) == []
    assert repeats.next_sum_at() == REPEAT_INTERVAL_S
    assert repeats.sums(REPEAT_INTERVAL_S - 1) == []
    assert said(repeats.sums(REPEAT_INTERVAL_S)) == ["no jobs (3 times more within 60 s)"]
    assert repeats.add(warning("no jobs"), REPEAT_INTERVAL_S + 1) == []
    assert said(repeats.add(warning("other"), 2 * REPEAT_INTERVAL_S)) == ["no jobs (once more within 60 s)", "other"]


def test_what_was_said_once_is_said_again_after_the_interval() -> None:
    repeats = Repeats()
    repeats.add(warning("no jobs"), 0)
    assert said(repeats.add(warning("no jobs"), REPEAT_INTERVAL_S)) == ["no jobs"]


def test_other_texts_levels_and_errors_are_no_repetition_and_what_is_no_warning_never_is() -> None:
    repeats = Repeats()
    different = [
        warning("a"),
        warning("b"),
        warning("a", logging.ERROR),
        warning("a", error=ValueError("1")),
        warning("a", error=ValueError("2")),
        warning("command", logging.INFO),
        warning("command", logging.INFO),
    ]
    assert [len(repeats.add(each, 0)) for each in different] == [1] * len(different)


def test_it_remembers_a_bounded_number_and_loses_no_sum() -> None:
    repeats = Repeats()
    for _ in range(2):
        repeats.add(warning("first"), 0)
    all_said = [text for number in range(2 * MAX_REMEMBERED) for text in said(repeats.add(warning(str(number)), 1))]
    assert len(repeats._said) == MAX_REMEMBERED
    assert "first (once more within 60 s)" in all_said
