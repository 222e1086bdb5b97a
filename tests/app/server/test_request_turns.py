"""Requests of a crowd, one in a turn of the loop."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from app.server import request_turns
from app.server.request_turns import RequestTurnsMiddleware
from simulcast.turns import turns_of_loop


class Requests:
    """An application that notes the requests that reach it, and holds none up."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.answers: list[MutableMapping[str, Any]] = []
        self.application = RequestTurnsMiddleware(self._serve)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached.append(scope["path"])

    def begin(self, path: str, method: str = "GET") -> asyncio.Task[None]:
        async def receive() -> MutableMapping[str, Any]:
            raise AssertionError

        async def send(message: MutableMapping[str, Any]) -> None:
            self.answers.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": []}
        return asyncio.create_task(self.application(scope, receive, send))


async def test_reading_requests_take_turns_and_probes_streams_and_commands_wait_for_none_of_them() -> None:
    requests = Requests()
    crowd = [requests.begin(f"/downloads/{number}") for number in range(10)]
    others = [requests.begin(path) for path in ("/health", "/sub/ready", "/events")]
    others += [requests.begin("/downloads", "POST"), requests.begin("/downloads/a", "DELETE")]
    await asyncio.gather(*others)
    assert requests.reached[:6] == ["/downloads/0", "/health", "/sub/ready", "/events", "/downloads", "/downloads/a"]
    reached = []
    while len(requests.reached) < 15:
        await asyncio.sleep(0)
        reached.append(len(requests.reached))
    assert set(reached) == set(range(reached[0], 16))
    await asyncio.gather(*crowd)
    assert [path for path in requests.reached if path[-1].isdigit()] == [f"/downloads/{n}" for n in range(10)]


async def test_requests_beyond_the_queue_and_those_that_wait_too_long_get_503_and_retry_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_turns, "MAX_WAITING", 3)
    requests = Requests()
    crowd = [requests.begin(str(number)) for number in range(6)]
    await asyncio.gather(*crowd)
    assert requests.reached == ["0", "1", "2", "3"]
    begins = [answer for answer in requests.answers if answer["type"] == "http.response.start"]
    assert [answer["status"] for answer in begins] == [503] * 2
    assert (b"retry-after", b"2") in begins[0]["headers"]

    while turns_of_loop()._is_taken:  # it rests
        await asyncio.sleep(0)
    monkeypatch.setattr(request_turns, "TURN_TIMEOUT_S", 0.0)
    first, late = requests.begin("first"), requests.begin("late")
    await asyncio.gather(first, late)
    assert requests.reached[4:] == ["first"]
    assert len(requests.answers) == 6
