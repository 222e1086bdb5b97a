"""Coroutines of the library that are run by something else than asyncio, such as trio."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import simulcast

CALLS: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
    "broadcast_message": lambda: simulcast.broadcast_message({"type": "x"}),
    "notify_download_progress": lambda: simulcast.notify_download_progress("a", 0.5, 1),
    "notify_download_complete": lambda: simulcast.notify_download_complete("a", "/a"),
    "notify_download_error": lambda: simulcast.notify_download_error("a", "no"),
    "job": lambda: simulcast.job("a").__aenter__(),
    "queue_job": lambda: simulcast.queue_job("a"),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_error_names_the_functions_that_need_no_loop_and_nothing_begins(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that had begun would be kept running, and nobody could end it."""
    monkeypatch.setattr("simulcast.job_handle.shared", None)
    coroutine = CALLS[name]()
    with pytest.raises(RuntimeError, match=r"needs a running asyncio event loop: .* simulcast\.sync"):
        coroutine.send(None)
    coroutine.close()
