"""A client's messages, handled one at a time by a task that ends with them."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from simulcast.frontend.transport.rate_limit import MAX_QUEUED_COMMANDS, RateLimiter

TextHandler = Callable[[str], Coroutine[object, object, None]]

_log = logging.getLogger("simulcast.ws")


@dataclass(eq=False, slots=True)
class MessageQueue:
    """Holds at most MAX_QUEUED_COMMANDS texts; rejects others. Texts wait until there is a handler.

    `tasks`: the server waits for them when it stops. `on_idle(succeeded)`: no text is held any more.
    """

    rate_limiter: RateLimiter
    loop: asyncio.AbstractEventLoop
    tasks: set[asyncio.Task[None]]
    on_idle: Callable[[bool], None]
    on_reject: Callable[[], None]
    handler: TextHandler | None = None
    is_handling: bool = False
    _texts: deque[str] = field(default_factory=deque)

    def clear(self) -> None:
        """Drop the texts that wait."""
        self._texts.clear()

    def put(self, text: str) -> None:
        """Queue a text."""
        if len(self._texts) >= MAX_QUEUED_COMMANDS:
            self.on_reject()
            return
        self._texts.append(text)
        self._start()

    def set_handler(self, handler: TextHandler) -> None:
        """Let `handler` be awaited for each text, from the next one on."""
        self.handler = handler
        self._start()

    def _start(self) -> None:
        if self.handler is not None and not self.is_handling:
            self.is_handling = True
            task = self.loop.create_task(self._handle_all(), name="messages")
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _handle_all(self) -> None:
        succeeded = False
        try:
            while self._texts:
                if wait_s := self.rate_limiter.wait_s(self.loop.time()):
                    await asyncio.sleep(wait_s)
                if self._texts and self.handler is not None:  # not cleared meanwhile
                    await self.handler(self._texts.popleft())
            succeeded = True
        except Exception:
            _log.exception("a client's message could not be handled")
        finally:
            self.is_handling = False
            self.on_idle(succeeded)
