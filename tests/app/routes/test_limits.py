"""`GET` and `PUT /limits`, with tokens."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from tests.service import FrontEnd
from tests.signed_tokens import token

LIMITS = {
    "max_speed": 5_000_000,
    "max_downloads": None,
    "timezone": "Europe/Berlin",
    "timetable": [{"days": ["mon"], "start": "00:00", "end": "00:00", "max_speed": None, "max_downloads": 2}],
}


async def call(
    running: FrontEnd, scope: str, method: str = "GET", limits: Mapping[str, object] | None = None
) -> tuple[int, Any]:
    """Return status and answer. `scope`: of the token, "" for none."""
    headers = {"authorization": f"Bearer {token(scope)}"} if scope else {}
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{running.port}", headers=headers) as session,
        session.request(method, "/limits", json=limits) as response,
    ):
        return response.status, await response.json()


async def test_an_administrator_sets_the_limits_and_a_viewer_reads_them(guarded: FrontEnd) -> None:
    status, answer = await call(guarded, "admin", "PUT", LIMITS)
    assert status == 200 and answer.pop("now").keys() == {"max_speed", "max_downloads"} and answer == LIMITS
    status, answer = await call(guarded, "watch")
    assert status == 200 and {name: answer[name] for name in LIMITS} == LIMITS

    assert (await call(guarded, "admin", "PUT", {}))[0] == 200
    _, answer = await call(guarded, "watch")
    assert answer["now"] == {"max_speed": None, "max_downloads": None} and answer["timetable"] == []


@pytest.mark.parametrize(
    ("scope", "method", "status"),
    [("", "PUT", 401), ("watch command publish files", "PUT", 403), ("files", "GET", 403)],
)
async def test_others_are_refused(guarded: FrontEnd, scope: str, method: str, status: int) -> None:
    assert (await call(guarded, scope, method, LIMITS if method == "PUT" else None))[0] == status


@pytest.mark.parametrize(
    ("limits", "where"),
    [
        ({"speed": 1}, "speed"),
        ({"timezone": "Mars"}, "timezone"),
        ({"max_speed": 0}, "max_speed"),
        ({"timetable": [{"start": "8", "end": "09:00"}]}, "timetable.0.start"),
    ],
)
async def test_limits_that_make_no_sense_are_refused_by_name(
    guarded: FrontEnd, limits: Mapping[str, object], where: str
) -> None:
    status, answer = await call(guarded, "admin", "PUT", limits)
    assert status == 422 and answer["detail"].startswith(f"{where}: ")
