"""A client's messages once its endpoint has returned, handled one at a time by a task that ends with them."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from uvicorn._types import ASGIReceiveEvent

from simulcast.frontend.transport.asgi import TextHandler
from simulcast.frontend.transport.rate_limit import MAX_QUEUED_COMMANDS, RateLimiter

_log = logging.getLogger("simulcast.ws")


class MessageQueue:
    """Takes the place of the queue that the endpoint read. Holds at most MAX_QUEUED_COMMANDS texts; rejects others."""

    def __init__(
        self,
        handle_text: TextHandler,
        rate_limiter: RateLimiter,
        loop: asyncio.AbstractEventLoop,
        tasks: set[asyncio.Task[None]],
        on_idle: Callable[[bool], None],
        on_reject: Callable[[], None],
    ) -> None:
        """`tasks`: the server waits for them when it stops. `on_idle(succeeded)`: no text is held any more."""
        self._handle_text = handle_text
        self._rate_limiter = rate_limiter
        self._loop = loop
        self._tasks = tasks
        self._on_idle = on_idle
        self._on_reject = on_reject
        self._texts: deque[str] = deque()
        self.is_busy = False
        self._is_stopped = False

    def stop(self) -> None:
        """Drop the texts that wait, and each that still comes: the client may not send any more."""
        self._is_stopped = True
        self._texts.clear()

    def put_nowait(self, message: ASGIReceiveEvent) -> None:
        """Queue a text. Binary messages are ignored; the observer already knows of a disconnect."""
        if message["type"] != "websocket.receive" or self._is_stopped:
            return
        text = message.get("text")
        if len(self._texts) >= MAX_QUEUED_COMMANDS if text else not self._rate_limiter.allow(self._loop.time()):
            self._on_reject()
        elif text:
            self._texts.append(text)
            if not self.is_busy:
                self.is_busy = True
                task = self._loop.create_task(self._handle_all(), name="messages")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _handle_all(self) -> None:
        succeeded = False
        try:
            while self._texts:
                if wait_s := self._rate_limiter.wait_s(self._loop.time()):
                    await asyncio.sleep(wait_s)
                if self._texts:  # not stopped meanwhile
                    await self._handle_text(self._texts.popleft())
            succeeded = True
        except Exception:
            _log.exception("a client's message could not be handled")
        finally:
            self.is_busy = False
            self._on_idle(succeeded)
