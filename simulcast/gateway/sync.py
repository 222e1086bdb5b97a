"""The Gateway for threads: the same names in blocking calls.

from simulcast.gateway.sync import Gateway

with Gateway(port=8080) as gateway:
    gateway.pause("12345")
    for event in gateway:
        print(event)
"""

import asyncio
import concurrent.futures
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from simulcast.gateway.client import Gateway as AsyncGateway
from simulcast.gateway.commands import CommandResult
from simulcast.gateway.events import Event
from simulcast.gateway.reconnect_policy import ConnectionState

_Result = TypeVar("_Result")
_END_TIMEOUT_S = 1.0
_AFTER_FORK = "this Gateway was made before a fork, and its thread is the parent's: make a new one in the child"
_IN_CALLBACK = "a callback can't wait for its own Gateway: call it from another thread"


class Gateway:
    """A `simulcast.gateway.Gateway` on an event loop in a thread of its own, which `close()` ends.

    Any thread may call it. Callbacks run in its thread; they may read and send, and set callbacks, but a call that
    waits raises RuntimeError there, since it would wait for itself. In a forked child, whose parent has the thread,
    `close()` does nothing and every other call raises RuntimeError.
    """

    def __init__(self, host: str = "localhost", port: int = 8080, **options: Any) -> None:
        """Takes the options of `simulcast.gateway.Gateway`, and raises its errors. Connects to nothing yet."""
        self._gateway = AsyncGateway(host, port, **options)
        self._process = os.getpid()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)
        self._thread.start()
        self._started.wait()

    def __enter__(self) -> Self:
        try:
            self.init()
        except BaseException:
            self.close()  # no __exit__ follows
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        """Yield each event that was not read yet, then each as it comes, until a disconnect: as `async for` does."""
        events = self._gateway.__aiter__()

        async def take() -> Event | None:
            return await anext(events, None)

        try:
            while (event := self._wait(take())) is not None:
                yield event
        finally:
            with contextlib.suppress(RuntimeError):  # it is closed, so that there is no reader any more
                self._wait(events.aclose())

    @property
    def on_websocket_message(self) -> Callable[[str], object] | None:
        """Gets each text message as it came, in the Gateway's thread."""
        return self._gateway.on_websocket_message

    @on_websocket_message.setter
    def on_websocket_message(self, callback: Callable[[str], object] | None) -> None:
        self._gateway.on_websocket_message = callback

    @property
    def on_websocket_status_change(self) -> Callable[[bool], object] | None:
        """Gets True once for each connection and False once for each loss, in the Gateway's thread."""
        return self._gateway.on_websocket_status_change

    @on_websocket_status_change.setter
    def on_websocket_status_change(self, callback: Callable[[bool], object] | None) -> None:
        self._gateway.on_websocket_status_change = callback

    @property
    def on_state_change(self) -> Callable[[ConnectionState], object] | None:
        """Gets each state of the connection, in the Gateway's thread."""
        return self._gateway.on_state_change

    @on_state_change.setter
    def on_state_change(self, callback: Callable[[ConnectionState], object] | None) -> None:
        self._gateway.on_state_change = callback

    @property
    def is_websocket_connected(self) -> bool:
        """True while a message could be sent."""
        return self._gateway.is_websocket_connected

    def init(self) -> None:
        """Connect. Returns after the first attempt; if that failed, attempts go on in the background."""
        self._wait(self._gateway.init())

    def connect_websocket(self) -> bool:
        """Connect now; return whether it is connected."""
        return self._wait(self._gateway.connect_websocket())

    def disconnect_websocket(self) -> None:
        """Disconnect for good, until `connect_websocket()`."""
        self._wait(self._gateway.disconnect_websocket())

    def send_websocket_message(self, message: str | Mapping[str, object]) -> bool:
        """Queue one message to be sent, a mapping as JSON; False if it was not."""
        if threading.current_thread() is self._thread:
            return self._gateway.send_websocket_message(message)

        async def send() -> bool:
            return self._gateway.send_websocket_message(message)

        return self._wait(send())

    def is_server_running(self) -> bool:
        """Return whether `/health` answers with 200 within 5 s."""
        return self._wait(self._gateway.is_server_running())

    def pause(self, download_id: str, *, deadline_s: float = 10.0) -> CommandResult:
        """Pause a download. As each command, it raises CommandRejected, CommandTimeout or ConnectionError."""
        return self._wait(self._gateway.pause(download_id, deadline_s=deadline_s))

    def resume(self, download_id: str, *, deadline_s: float = 10.0) -> CommandResult:
        """Resume a download that is paused."""
        return self._wait(self._gateway.resume(download_id, deadline_s=deadline_s))

    def cancel(self, download_id: str, *, deadline_s: float = 10.0) -> CommandResult:
        """Cancel a download that hasn't ended."""
        return self._wait(self._gateway.cancel(download_id, deadline_s=deadline_s))

    def retry(self, download_id: str, *, deadline_s: float = 10.0) -> CommandResult:
        """Begin a new attempt of a download that has failed or was cancelled."""
        return self._wait(self._gateway.retry(download_id, deadline_s=deadline_s))

    def limit(self, download_id: str, bytes_per_s: int, *, deadline_s: float = 10.0) -> CommandResult:
        """Limit the speed of a download that isn't complete; 0 for no limit."""
        return self._wait(self._gateway.limit(download_id, bytes_per_s, deadline_s=deadline_s))

    def delete(self, download_id: str, *, file: bool = False, deadline_s: float = 10.0) -> CommandResult:
        """Forget a download that doesn't run; with `file` its file goes too."""
        return self._wait(self._gateway.delete(download_id, file=file, deadline_s=deadline_s))

    def clear_finished(self, *, deadline_s: float = 10.0) -> CommandResult:
        """Forget all downloads that have ended; files stay."""
        return self._wait(self._gateway.clear_finished(deadline_s=deadline_s))

    def close(self) -> None:
        """Disconnect, and return when the thread has ended. Idempotent. A loop over events ends then."""
        if threading.current_thread() is self._thread:
            raise RuntimeError(_IN_CALLBACK)
        if self._process != os.getpid():
            return
        with contextlib.suppress(RuntimeError):  # it is closed already
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        await self._closing.wait()
        await self._gateway.disconnect_websocket()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:  # calls of other threads: nearly all of them end with the connection
            await asyncio.wait(others, timeout=_END_TIMEOUT_S)

    def _wait(self, call: Coroutine[Any, Any, _Result]) -> _Result:
        if self._process != os.getpid() or threading.current_thread() is self._thread:
            call.close()
            raise RuntimeError(_AFTER_FORK if self._process != os.getpid() else _IN_CALLBACK)
        try:
            future = asyncio.run_coroutine_threadsafe(call, self._loop)
        except RuntimeError:
            call.close()
            raise RuntimeError("this Gateway is closed: make a new one") from None
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("this Gateway was closed meanwhile") from None
        except BaseException:
            future.cancel()  # Ctrl-C ends the wait, and the awaited call
            raise
