"""The timetable of limits."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from simulcast.model.limits import MAX_LIMITS_BYTES, MAX_PERIODS, Allowed, Limits, Period


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_period_holds_in_place_of_the_general_limits_by_the_clocks_of_its_zone() -> None:
    work = Period(days=("mon", "fri"), start="08:00", end="18:00", max_speed=10)
    limits = Limits(max_speed=50, max_downloads=3, timezone="Europe/Berlin", timetable=(work,))
    general, now = Allowed(max_speed=50, max_downloads=3), Allowed(max_speed=10)
    assert limits.at(at("2026-11-30T06:59:59")) == general  # a Monday, 07:59:59 in Berlin
    assert limits.at(at("2026-11-30T07:00:00")) == now
    assert limits.at(at("2026-11-30T16:59:59")) == now
    assert limits.at(at("2026-11-30T17:00:00")) == general
    assert limits.at(at("2026-12-01T10:00:00")) == general
    assert limits.at(at("2026-07-03T06:00:00")) == now  # a Friday in summer, 08:00 in Berlin
    assert limits.at(at("2026-07-03T16:00:00")) == general


@pytest.mark.parametrize("end", ["06:00", "22:00"])
def test_a_night_belongs_to_the_day_on_which_it_begins(end: str) -> None:
    limits = Limits(max_downloads=1, timetable=(Period(days=("sun",), start="22:00", end=end),))
    hours = {"06:00": 8, "22:00": 24}[end]
    start = at("2026-11-29T22:00:00")  # a Sunday
    for second, is_night in ((-1, False), (0, True), (hours * 3600 - 1, True), (hours * 3600, False)):
        assert (limits.at(start + second).max_downloads is None) == is_night


def test_a_night_has_as_many_hours_as_the_clocks_make_it() -> None:
    limits = Limits(max_speed=1, timezone="Europe/Berlin", timetable=(Period(start="22:00", end="06:00"),))
    begins = at("2026-03-28T21:00:00")  # the clocks are put forward in this night
    assert limits.at(begins) == Allowed() == limits.at(begins + 7 * 3600 - 1)
    assert limits.at(begins + 7 * 3600).max_speed == 1


def test_of_two_periods_that_overlap_the_first_one_holds() -> None:
    first, second = Period(start="10:00", end="12:00", max_speed=1), Period(start="00:00", end="00:00", max_speed=2)
    limits = Limits(timetable=(first, second))
    assert [limits.at(at(f"2026-11-30T{hour}:00:00")).max_speed for hour in ("09", "11", "12")] == [2, 1, 2]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"timezone": "Mars/Olympus"}, "is no time zone: give a name such as Europe/Berlin"),
        ({"timezone": "../../etc/passwd"}, "is no time zone"),
        ({"max_speed": 0}, "greater than or equal to 1"),
        ({"max_speed": "1"}, "valid integer"),
        ({"max_downloads": -1}, "greater than or equal to 0"),
        ({"speed": 1}, "Extra inputs"),
        ({"timetable": [{"start": "24:00", "end": "06:00"}]}, "should match pattern"),
        ({"timetable": [{"start": "٠٨:00", "end": "06:00"}]}, "should match pattern"),
        ({"timetable": [{"days": [], "start": "22:00", "end": "06:00"}]}, "at least 1 item"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(members: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Limits.model_validate(members)


def test_the_longest_timetable_is_within_the_bound() -> None:
    period = Period(start="22:00", end="06:00", max_speed=10**15, max_downloads=10_000)
    limits = Limits(max_speed=10**15, max_downloads=10_000, timetable=(period,) * MAX_PERIODS)
    assert len(limits.model_dump_json()) < MAX_LIMITS_BYTES
    assert Limits.model_validate_json(limits.model_dump_json()) == limits
