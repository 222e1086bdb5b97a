"""The application's decision about a client, which may be late or fail."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from simulcast.frontend import Grant, authorization
from simulcast.frontend.authorization import decide


async def wait_for_ever(_: str) -> Grant | None:
    await asyncio.Event().wait()
    return None


def return_what_never_comes(_: str) -> Any:
    return wait_for_ever("")


@pytest.mark.parametrize("function", [wait_for_ever, return_what_never_comes])
async def test_a_decision_that_does_not_come_is_a_refusal_for_now(
    function: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorization, "DECISION_TIMEOUT_S", 0.05)
    with pytest.raises(HTTPException) as raised:
        await decide(function, "a client")
    assert raised.value.status_code == 503


async def test_a_decision_that_blocks_its_thread_is_a_refusal_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorization, "DECISION_TIMEOUT_S", 0.05)
    released = threading.Event()

    def block(_: str) -> Grant | None:
        released.wait(60)
        return None

    try:
        with pytest.raises(HTTPException) as raised:
            await decide(block, "a client")
    finally:
        released.set()
    assert raised.value.status_code == 503


async def test_a_time_out_of_the_applications_own_is_its_own() -> None:
    async def time_out(_: str) -> Grant | None:
        raise TimeoutError("the database")

    with pytest.raises(TimeoutError, match="the database"):
        await decide(time_out, "a client")
