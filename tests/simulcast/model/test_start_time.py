"""Times from which a download may begin, as clients give them."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from simulcast.model.requests import AddDownload
from simulcast.model.start_time import MAX_AHEAD_S, parse_new_start, parse_start


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0.0),
        (1_700_000_000, 1_700_000_000.0),
        (1.5, 1.5),
        ("2023-11-14T22:13:20Z", 1_700_000_000.0),
        ("2023-11-15T00:13:20.500+02:00", 1_700_000_000.5),
        (datetime.fromtimestamp(1_700_000_000, timezone(timedelta(hours=-3))), 1_700_000_000.0),
    ],
)
def test_a_start_is_seconds_or_a_time_of_a_zone(value: object, seconds: float) -> None:
    assert parse_start(value) == seconds


@pytest.mark.parametrize(
    "value",
    [True, None, [], "", "tomorrow", "2026-12-24T18:00", "2026-12-24", -1, float("nan"), float("inf"), 10**400],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"seconds since 1970|time zone|a year ahead"):
        parse_start(value)


def test_a_start_is_at_most_a_year_ahead() -> None:
    now = time.time()
    assert parse_start(now + MAX_AHEAD_S - 60) > now
    for far in (now + MAX_AHEAD_S + 60, now * 1000, datetime.max.replace(tzinfo=UTC).isoformat()):
        with pytest.raises(ValueError, match="a year ahead"):
            parse_start(far)


def test_a_new_start_may_be_none_at_all() -> None:
    assert [parse_new_start(value) for value in (None, "now", 0, 1.5)] == [0.0, 0.0, 0.0, 1.5]
    wrong: list[object] = ["", "Now", False, [], "tomorrow"]
    for value in wrong:
        with pytest.raises(ValueError, match="seconds since 1970"):
            parse_new_start(value)


def test_a_refusal_names_the_member() -> None:
    with pytest.raises(ValidationError) as refusal:
        AddDownload.model_validate({"url": "https://example.org/a", "start_at": "2026-12-24T18:00"})
    assert refusal.value.errors()[0]["loc"] == ("start_at",)
