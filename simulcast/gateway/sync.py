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
import functools
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from simulcast.gateway.client import Gateway as AsyncGateway
from simulcast.gateway.events import Event
from simulcast.gateway.reconnect_policy import ConnectionState

_Argument = TypeVar("_Argument")
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")
_END_TIMEOUT_S = 1.0
_AFTER_FORK = "this Gateway was made before a fork, and its thread is the parent's: make a new one in the child"
_IN_CALLBACK = "a callback can't wait for its own Gateway: call it from another thread"


def _blocking(
    method: Callable[Concatenate[AsyncGateway, _Parameters], Coroutine[Any, Any, _Result]],
) -> "Callable[Concatenate[Gateway, _Parameters], _Result]":
    """Return a method with the same parameters and documentation, which waits for the result."""

    @functools.wraps(method)
    def call(gateway: "Gateway", /, *args: _Parameters.args, **options: _Parameters.kwargs) -> _Result:
        return gateway._wait(method(gateway._gateway, *args, **options))

    return call


class _Callback(Generic[_Argument]):
    """An attribute that is the callback of the same name of the asynchronous Gateway."""

    def __set_name__(self, owner: type[object], name: str) -> None:
        self._name = name

    def __get__(self, gateway: "Gateway", owner: type[object]) -> Callable[[_Argument], object] | None:
        callback: Callable[[_Argument], object] | None = getattr(gateway._gateway, self._name)
        return callback

    def __set__(self, gateway: "Gateway", callback: Callable[[_Argument], object] | None) -> None:
        setattr(gateway._gateway, self._name, callback)


class Gateway:
    """A `simulcast.gateway.Gateway` on an event loop in a thread of its own, which `close()` ends.

    Any thread may call it. Callbacks run in its thread; they may read and send, and set callbacks, but a call that
    waits raises RuntimeError there, since it would wait for itself. In a forked child, whose parent has the thread,
    `close()` does nothing and every other call raises RuntimeError.
    """

    on_websocket_message = _Callback[str]()
    on_websocket_status_change = _Callback[bool]()
    on_state_change = _Callback[ConnectionState]()

    init = _blocking(AsyncGateway.init)
    connect_websocket = _blocking(AsyncGateway.connect_websocket)
    disconnect_websocket = _blocking(AsyncGateway.disconnect_websocket)
    pause = _blocking(AsyncGateway.pause)
    resume = _blocking(AsyncGateway.resume)
    cancel = _blocking(AsyncGateway.cancel)
    retry = _blocking(AsyncGateway.retry)
    limit = _blocking(AsyncGateway.limit)
    relink = _blocking(AsyncGateway.relink)
    move = _blocking(AsyncGateway.move)
    prioritize = _blocking(AsyncGateway.prioritize)
    schedule = _blocking(AsyncGateway.schedule)
    rename = _blocking(AsyncGateway.rename)
    delete = _blocking(AsyncGateway.delete)
    clear_finished = _blocking(AsyncGateway.clear_finished)
    cancel_job = _blocking(AsyncGateway.cancel_job)
    remove_job = _blocking(AsyncGateway.remove_job)
    add = _blocking(AsyncGateway.add)
    get = _blocking(AsyncGateway.get)
    list = _blocking(AsyncGateway.list)
    publish = _blocking(AsyncGateway.publish)
    subscribe = _blocking(AsyncGateway.subscribe)
    unsubscribe = _blocking(AsyncGateway.unsubscribe)

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

    def __exit__(self, *_: object) -> None:
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
    def is_websocket_connected(self) -> bool:
        """True while a message could be sent."""
        return self._gateway.is_websocket_connected

    def is_server_running(self) -> bool:
        """Return whether `/health`, next to the WebSocket's path, answers with 200 within 5 s."""

        async def check() -> bool:
            return await self._gateway.is_server_running

        return self._wait(check())

    def send_websocket_message(self, message: str | Mapping[str, object]) -> bool:
        """Queue one message to be sent, a mapping as JSON; False if it was not."""
        if threading.current_thread() is self._thread:
            return self._gateway.send_websocket_message(message)

        async def send() -> bool:
            return self._gateway.send_websocket_message(message)

        return self._wait(send())

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
