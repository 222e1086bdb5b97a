"""What a client says once its endpoint has returned: texts are obeyed one at a time, by a task that ends with them."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine

from uvicorn._types import ASGIReceiveEvent

from simulcast.frontend.transport.rate_limit import MAX_QUEUED_COMMANDS, RateLimiter

Obey = Callable[[str], Coroutine[object, object, None]]
_log = logging.getLogger("simulcast.ws")


class MessageQueue:
    """In the place of the queue that the endpoint read from. Holds at most MAX_WAITING texts: others are refused."""

    def __init__(
        self,
        obey: Obey,
        pace: RateLimiter,
        loop: asyncio.AbstractEventLoop,
        tasks: set[asyncio.Task[None]],
        on_heard: Callable[[bool], None],
        on_refused: Callable[[], None],
    ) -> None:
        """`tasks`: those that the server waits for when it stops. `on_heard(obeyed)`: nothing is held any more."""
        self._obey = obey
        self._pace = pace
        self._loop = loop
        self._tasks = tasks
        self._on_heard = on_heard
        self._on_refused = on_refused
        self._said: deque[str] = deque()
        self.is_busy = False

    def put_nowait(self, message: ASGIReceiveEvent) -> None:
        """Texts are obeyed; binary messages are ignored; the follower knows already of an end."""
        if message["type"] != "websocket.receive":
            return
        text = message.get("text")
        if len(self._said) >= MAX_QUEUED_COMMANDS if text else not self._pace.allow(self._loop.time()):
            self._on_refused()
        elif text:
            self._say(text)

    def _say(self, text: str) -> None:
        self._said.append(text)
        if not self.is_busy:
            self.is_busy = True
            task = self._loop.create_task(self._handle_all(), name="obey")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _handle_all(self) -> None:
        obeyed = False
        try:
            while self._said:
                if wait_s := self._pace.wait_s(self._loop.time()):
                    await asyncio.sleep(wait_s)
                await self._obey(self._said.popleft())
            obeyed = True
        except Exception:
            _log.exception("a client's message could not be obeyed")
        finally:
            self.is_busy = False
            self._on_heard(obeyed)
