"""A client's messages once its endpoint has returned, handled one at a time by a task that ends with them."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from uvicorn._types import ASGIReceiveEvent

from simulcast.frontend.transport.asgi import TextHandler
from simulcast.frontend.transport.rate_limit import MAX_QUEUED_COMMANDS, RateLimiter

_log = logging.getLogger("simulcast.ws")


@dataclass(eq=False, slots=True)
class MessageQueue:
    """Takes the place of the queue that the endpoint read. Holds at most MAX_QUEUED_COMMANDS texts; rejects others.

    `tasks`: the server waits for them when it stops. `on_idle(succeeded)`: no text is held any more.
    """

    handle_text: TextHandler
    rate_limiter: RateLimiter
    loop: asyncio.AbstractEventLoop
    tasks: set[asyncio.Task[None]]
    on_idle: Callable[[bool], None]
    on_reject: Callable[[], None]
    is_busy: bool = False
    _is_stopped: bool = False
    _texts: deque[str] = field(default_factory=deque)

    def stop(self) -> None:
        """Drop the texts that wait, and each that still comes: the client may not send any more."""
        self._is_stopped = True
        self._texts.clear()

    def put_nowait(self, message: ASGIReceiveEvent) -> None:
        """Queue a text. Binary messages are ignored; the observer already knows of a disconnect."""
        if message["type"] != "websocket.receive" or self._is_stopped:
            return
        text = message.get("text")
        if len(self._texts) >= MAX_QUEUED_COMMANDS if text else not self.rate_limiter.allow(self.loop.time()):
            self.on_reject()
        elif text:
            self._texts.append(text)
            if not self.is_busy:
                self.is_busy = True
                task = self.loop.create_task(self._handle_all(), name="messages")
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    async def _handle_all(self) -> None:
        succeeded = False
        try:
            while self._texts:
                if wait_s := self.rate_limiter.wait_s(self.loop.time()):
                    await asyncio.sleep(wait_s)
                if self._texts:  # not stopped meanwhile
                    await self.handle_text(self._texts.popleft())
            succeeded = True
        except Exception:
            _log.exception("a client's message could not be handled")
        finally:
            self.is_busy = False
            self.on_idle(succeeded)
