"""`simulcast limits`, by Redis and by REST."""

import json

import pytest

from simulcast.launcher.embedded import EmbeddedServer
from tests.command_line import Command, assert_complaint
from tests.service import FrontEnd

WORK = {"days": ["mon", "tue", "sat"], "start": "08:00", "end": "18:00", "max_speed": 1_000_000, "max_downloads": None}


def test_limits_are_shown_changed_one_by_one_and_cleared(simulcast: Command, embedded: EmbeddedServer) -> None:
    assert simulcast("limits").stdout == "any speed, any number of downloads\n"
    assert simulcast("limits", "--speed", "5MB").stdout == "5.0 MB/s, any number of downloads\n"
    assert simulcast("limits", "--downloads", "3").stdout == "5.0 MB/s, 3 downloads\n"
    arguments = ("--time-zone", "Europe/Berlin", "--period", "mon-tue,sat 08:00-18:00 speed=1MB", "--json")
    limits = json.loads(simulcast("limits", *arguments).stdout)
    assert limits.pop("now") in (
        {"max_speed": 5_000_000, "max_downloads": 3},
        {"max_speed": 1_000_000, "max_downloads": None},
    )
    assert limits == {"max_speed": 5_000_000, "max_downloads": 3, "timezone": "Europe/Berlin", "timetable": [WORK]}
    _, general, period = simulcast("limits").stdout.splitlines()
    assert general == "else 5.0 MB/s, 3 downloads"
    assert period == "mon,tue,sat 08:00-18:00 Europe/Berlin  1.0 MB/s, any number of downloads"
    simulcast("limits", "--period", "fri-mon 22:00-06:00 downloads=0", "--downloads", "none")
    limits = json.loads(simulcast("limits", "--json").stdout)
    assert limits["max_downloads"] is None and limits["max_speed"] == 5_000_000
    assert [(period["days"], period["max_downloads"]) for period in limits["timetable"]] == [
        (["fri", "sat", "sun", "mon"], 0)
    ]
    assert simulcast("limits", "--clear", "--speed", "none").stdout == "any speed, any number of downloads\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--speed", "fast"), "'fast' is no speed"),
        (("--downloads", "few"), "'few' is no number of downloads"),
        (("--downloads", "99999"), "max_downloads: "),
        (("--time-zone", "Mars"), "timezone: 'Mars' is no time zone"),
        (("--period", "at night"), "it looks like 'mon-fri 08:00-18:00"),
        (("--period", "moon 22:00-06:00"), "days are mon, tue"),
        (("--period", "mon 25:00-06:00"), "timetable.0.start: "),
    ],
)
def test_what_makes_no_sense_is_named_and_changes_nothing(
    simulcast: Command, embedded: EmbeddedServer, arguments: tuple[str, ...], complaint: str
) -> None:
    assert complaint in assert_complaint(simulcast("limits", *arguments))
    assert simulcast("limits").stdout == "any speed, any number of downloads\n"


def test_a_service_elsewhere_has_the_same_limits(simulcast: Command, shared_front_end: FrontEnd) -> None:
    elsewhere = {"SIMULCAST_URL": f"http://127.0.0.1:{shared_front_end.port}"}
    try:
        assert simulcast("limits", "--speed", "2MB", **elsewhere).stdout == "2.0 MB/s, any number of downloads\n"
        assert simulcast("limits", "--redis-url", shared_front_end.redis_url).stdout.startswith("2.0 MB/s")
    finally:
        assert simulcast("limits", "--clear", **elsewhere).stdout == "any speed, any number of downloads\n"
