"""Gateway: the Flutter class of the same name, in Python."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from types import TracebackType
from typing import Self

from websockets.exceptions import ConnectionClosed, WebSocketException

from simulcast.gateway.address import Address
from simulcast.gateway.callbacks import call
from simulcast.gateway.commands import CommandMethods, CommandResult, Commands, as_json
from simulcast.gateway.connection import Connection, open_connection
from simulcast.gateway.events import Event, parse
from simulcast.gateway.health import is_running
from simulcast.gateway.limits import Limits
from simulcast.gateway.receive_buffer import ReceiveBuffer
from simulcast.gateway.reconnect_policy import NEVER, ReconnectBackoff, delay_after, with_jitter
from simulcast.gateway.resume_position import ResumePosition
from simulcast.gateway.send_queue import SendQueue
from simulcast.gateway.token import GivenToken, TokenSource

_logger = logging.getLogger("gateway")
_DEFAULT_LIMITS = Limits()


class Gateway(CommandMethods):
    """A connection to a Simulcast service that comes back by itself.

    After a loss it reconnects every `reconnect_delay_s`, up to a fifth earlier or later, and resumes after the last
    event it saw: nothing that the server still has is missed, and no event is delivered twice.
    `disconnect_websocket()` and then `connect_websocket()` resume too; a new Gateway begins with the server's
    snapshot. After a close that means "change something first" (`simulcast.gateway.reconnect_policy`) it waits
    `limits.refused_delay_s` instead; one that means its fixed `token` disconnects it for good.

    `on_websocket_message(text)` gets each text message as it came; `on_websocket_status_change(connected)`
    gets True once for each connection and False once for each loss. Both may be set at any time, and are
    plain or async callables. They are called one after the other, in order, an async one to its end;
    meanwhile nothing more is read, and the server cuts a client that doesn't read for too long. What they
    raise is logged.

    `async for event in gateway` gives each event, typed (`simulcast.gateway.events`), beside the callback; `await
    gateway.pause("12345")` and its like ask and wait for the answer (`simulcast.gateway.commands`).

    All methods belong to one event loop's thread. They may be called from the callbacks.
    """

    on_websocket_message: Callable[[str], object] | None
    on_websocket_status_change: Callable[[bool], object] | None

    def __init__(
        self,
        host: str = "localhost",
        port: int = 8080,
        *,
        url: str | None = None,
        token: GivenToken = None,
        on_websocket_message: Callable[[str], object] | None = None,
        on_websocket_status_change: Callable[[bool], object] | None = None,
        reconnect_delay_s: float = 5.0,
        max_waiting_messages: int = 0,
        limits: Limits = _DEFAULT_LIMITS,
    ) -> None:
        """`url` (`wss://host/base/ws`), where given, wins over `host` and `port` (`ws://host:port/ws`).
        `token`: the token to show, or a callable that is asked for a valid one at each attempt (docs/access.md).
        `max_waiting_messages`: how many that are sent while nothing is connected wait for the next connection.

        Connects to nothing yet. Raises ValueError for a url of another scheme or that makes no sense.
        """
        self.on_websocket_message = on_websocket_message
        self.on_websocket_status_change = on_websocket_status_change
        self._address = Address.of(host, port) if url is None else Address(url)
        self._reconnect_delay_s = reconnect_delay_s
        self._limits = limits
        self._bookmark = ResumePosition()
        self._commands = Commands()
        self._inbox = ReceiveBuffer(limits.max_unread_characters)
        self._outbox = SendQueue(max_waiting_messages, limits.max_unsent_bytes)
        self._wanted = False  # whether there should be a connection
        self._connection: Connection | None = None
        self._token = TokenSource(token)
        self._failures = ReconnectBackoff(self._address)
        self._task: asyncio.Task[None] | None = None  # owns everything that happens in the background
        self._hurry = asyncio.Event()
        self._attempt_ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            await self.init()
        except asyncio.CancelledError:
            await self.disconnect_websocket()  # no __aexit__ follows
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect_websocket()

    @property
    def is_websocket_connected(self) -> bool:
        """Whether a message could be sent now."""
        return self._connection is not None and self._connection.is_open

    async def init(self) -> None:
        """Connects. Returns after the first attempt; if that failed, attempts go on in the background.

        Never raises because the server is not there.
        """
        await self.connect_websocket()

    async def connect_websocket(self) -> bool:
        """Connects now, without waiting for the next attempt's time; returns whether it is connected.

        If the attempt fails, attempts go on in the background until `disconnect_websocket()`. Called by a
        callback, it can't wait for the attempt: it asks for it, and returns what is so now.
        """
        self._wanted = True
        self._inbox.begin()
        inside = self._is_inside()
        while not inside and (ending_task := self._task_if_ending()) is not None:
            await asyncio.wait([ending_task])  # and if somebody disconnects after this call, a new task ends at once
        if self.is_websocket_connected:
            return True
        if self._task is None or self._task.done():
            self._start()
        self._hurry.set()
        if inside:
            return False
        # An attempt ends within open_timeout_s, but a callback may hold up its beginning for ever.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.open_timeout_s + 1):
                await self._attempt_ended.wait()
        return self.is_websocket_connected

    async def disconnect_websocket(self) -> None:
        """Disconnects for good, in whatever state: what was queued is sent, attempts end, nothing reconnects.

        When it returns, `on_websocket_status_change` was told False if it had been told True. Messages that waited
        for a connection are dropped, commands end with CommandUnanswered, and so does `async for` once it has given
        all that came. Idempotent.
        """
        self._wanted = False
        self._outbox.clear()
        self._commands.give_up()
        self._inbox.end()
        task = self._task
        if task is None or task.done():
            return
        if task is asyncio.current_task():  # called by a callback, after which the task ends
            await self._leave()
            return
        if not task.cancelling():
            task.cancel()
        await asyncio.wait([task])

    def send_websocket_message(self, message: str | Mapping[str, object]) -> bool:
        """Queues one message to be sent, a mapping as JSON. Returns at once.

        True: it is queued for the socket, or waits for a connection, as far as `max_waiting_messages` allows; whether
        it arrives only the server can say. False, with a warning in the log: nothing is connected and no more may
        wait, or `limits.max_unsent_bytes` would be exceeded; it is not kept for later.
        Raises TypeError or ValueError for a mapping that has no JSON form, or text that has no UTF-8 form.
        """
        text = message if isinstance(message, str) else as_json(message)
        if self.is_websocket_connected:
            taken, why = self._send_now(text), "the socket is full, or the message too large"
        else:
            taken, why = self._outbox.put(text), f"not connected to {self._address}"
        if not taken:
            _logger.warning("a message was not sent: %s", why)
        return taken

    async def is_server_running(self) -> bool:
        """Whether `/health`, beside the WebSocket's path, answers with 200 within 5 s. Never raises."""
        return await is_running(self._address, self._limits.health_timeout_s)

    async def __aiter__(self) -> AsyncGenerator[Event, None]:
        """Each event that came and was not read yet, then each as it comes, until somebody disconnects. Connects first.

        Up to `limits.max_unread_characters` wait to be read. Beyond, nothing more is read from the socket, as while a
        callback runs; before the first `async for`, the oldest are dropped, and with an `on_websocket_message` none
        wait. Answers to awaited commands and text that is no JSON object are left out. Raises RuntimeError if
        somebody iterates already.
        """
        with self._inbox.reading():
            if not self._wanted:
                await self.connect_websocket()
            while texts := await self._inbox.take():
                for text in texts:
                    if (event := parse(text)) is not None:
                        yield event

    async def _command(
        self, action: str, download_id: str, deadline_s: float, members: dict[str, object]
    ) -> CommandResult:
        if self._is_inside():
            raise RuntimeError("a callback can't wait for an answer, which it holds up itself: make a task for it")
        if not self._wanted:
            raise ConnectionError(f"{action} needs a connection to {self._address}: connect_websocket() first")
        with self._inbox.unbounded():
            return await self._commands.request(self._send_now, action, download_id, deadline_s, members)

    def _send_now(self, text: str) -> bool:
        return self._connection is not None and self._connection.send_now(text)

    def _flush_queue(self) -> None:
        """Commands first: those that were asked on the connection before this one."""
        for text in self._commands.texts:
            self._send_now(text)
        self._outbox.empty(self._send_now)

    def _is_inside(self) -> bool:  # a callback
        return self._task is not None and self._task is asyncio.current_task()

    def _task_if_ending(self) -> asyncio.Task[None] | None:
        """The task, if `disconnect_websocket()` cancelled it and it isn't done yet."""
        task = self._task
        return task if task is not None and not task.done() and task.cancelling() else None

    def _start(self) -> None:
        self._hurry = asyncio.Event()  # the last one may belong to an event loop that has ended
        self._task = asyncio.create_task(self._run(), name=f"gateway to {self._address}")

    async def _run(self) -> None:
        """The one background task: attempts and connections until it is cancelled or nobody wants them."""
        try:
            while self._should_reconnect():
                delay_s = await self._connect_once()
                if delay_s == NEVER:
                    await self.disconnect_websocket()
                if self._should_reconnect():
                    await self._wait(delay_s)
        except Exception:
            _logger.exception("the connection's task died of a bug; connect_websocket() starts a new one")
        finally:
            self._end_attempt()

    def _should_reconnect(self) -> bool:
        """False once somebody disconnected, even if a callback swallowed the task's cancellation."""
        return self._wanted and self._task_if_ending() is None

    async def _wait(self, delay_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(with_jitter(delay_s)):
                await self._hurry.wait()

    async def _connect_once(self) -> float:
        """One attempt and the connection that comes of it, to its end. Returns the seconds to the next."""
        self._bookmark.begin()
        url = self._address.resuming_after(self._bookmark.event_id)
        try:
            connection = await open_connection(url, self._limits, self._token)
        except (OSError, WebSocketException) as error:
            self._end_attempt()
            return self._failures.delay_after(error, self._token, self._reconnect_delay_s)
        self._connection = connection
        self._failures.forget()
        self._end_attempt()
        _logger.info("connected to %s", self._address)
        self._flush_queue()
        try:
            await call("on_websocket_status_change", self.on_websocket_status_change, True)
            await self._receive(connection)
        except ConnectionClosed as closed:
            return delay_after(closed, self._address, self._token, self._reconnect_delay_s, self._limits)
        finally:
            await self._leave()
        return self._reconnect_delay_s

    async def _receive(self, connection: Connection) -> None:
        """Delivers what comes, until somebody disconnects. Raises ConnectionClosed."""
        while self._should_reconnect() and self._connection is connection:
            message = await connection.recv()
            # Seen before delivered: a callback that disconnects must not get the same event on its return.
            if isinstance(message, str) and self._bookmark.is_new(message):
                await self._deliver(message)

    async def _deliver(self, text: str) -> None:
        answer = self._commands.is_answer(text)
        await call("on_websocket_message", self.on_websocket_message, text)
        if not answer and (self._inbox.has_reader or self.on_websocket_message is None):
            await self._inbox.put(text)

    async def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.leave()
            finally:
                await call("on_websocket_status_change", self.on_websocket_status_change, False)

    def _end_attempt(self) -> None:
        """Wakes those who wait for the attempt's end. Their hurry is satisfied, whatever came of it."""
        ended, self._attempt_ended = self._attempt_ended, asyncio.Event()
        ended.set()
        self._hurry.clear()
