"""Gateway: the Flutter class of the same name, in Python."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Self

from websockets.exceptions import WebSocketException

from simulcast.gateway.address import ServerAddress
from simulcast.gateway.callbacks import call
from simulcast.gateway.checks import check_options
from simulcast.gateway.commands import CommandMethods, Commands, as_json
from simulcast.gateway.connection import GatewayConnection, open_connection
from simulcast.gateway.events import Event, parse
from simulcast.gateway.health import ServerCheck
from simulcast.gateway.limits import Limits
from simulcast.gateway.printing import print_received, print_sent
from simulcast.gateway.receive_buffer import ReceiveBuffer
from simulcast.gateway.reconnect_policy import NEVER, ConnectionState, ReconnectPolicy, wait_for_attempt
from simulcast.gateway.requests import RequestMethods
from simulcast.gateway.resume_position import ResumePosition
from simulcast.gateway.send_queue import SendQueue
from simulcast.gateway.token import GivenToken, TokenSource

_logger = logging.getLogger("simulcast.gateway")
_DEFAULT_LIMITS = Limits()


class Gateway(CommandMethods, RequestMethods):
    """A connection to a Simulcast service that comes back by itself.

    After a loss it reconnects every `reconnect_delay_s`, up to a fifth earlier or later, or after a Retry-After. It
    resumes after the last event it received: nothing that the server still has is missed, and no event is delivered
    twice. `disconnect_websocket()` and `connect_websocket()` resume too; a new Gateway begins with the snapshot.
    After a close that means "change something first" (`simulcast.gateway.reconnect_policy`) it waits
    `limits.refused_delay_s`; one that means its fixed `token` disconnects it for good.

    `on_websocket_message(text)` gets each text message as it came; `on_websocket_status_change(connected)` gets True
    once for each connection and False once for each loss; `on_state_change(state)` gets each `ConnectionState`, with
    the reason of a loss and the time of the next attempt. They may be set at any time, are plain or async, and run one
    after the other, while nothing more is read: the server cuts who reads nothing for too long. Exceptions are logged.

    `async for event in gateway` yields each event, typed (`simulcast.gateway.events`), besides the callback. `pause`,
    `add` and their like await the server's answer (`simulcast.gateway.commands`, `simulcast.gateway.requests`).
    All methods belong to one event loop's thread. They may be called from the callbacks.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = 8080,
        *,
        url: str | None = None,
        token: GivenToken = None,
        on_websocket_message: Callable[[str], object] | None = None,
        on_websocket_status_change: Callable[[bool], object] | None = None,
        on_state_change: Callable[[ConnectionState], object] | None = None,
        reconnect_delay_s: float = 5.0,
        max_waiting_messages: int = 0,
        print_messages: bool = False,
        limits: Limits = _DEFAULT_LIMITS,
    ) -> None:
        """`url` (`wss://host/base/ws`), where given, wins over `host` and `port` (`ws://host:port/ws`).
        `token`: the token to send, or a callable that returns a valid one at each attempt (docs/access.md).
        `max_waiting_messages`: how many messages sent while nothing is connected wait for the next connection.
        `print_messages`: print each message on the standard error, for debugging; may be set at any time.

        Connects to nothing yet. Raises ValueError for a url of another scheme, and options that make no sense.
        """
        callbacks = on_websocket_message, on_websocket_status_change, on_state_change
        check_options(reconnect_delay_s, max_waiting_messages, *callbacks)
        self.on_websocket_message = on_websocket_message
        self.on_websocket_status_change = on_websocket_status_change
        self.on_state_change = on_state_change
        self.print_messages = print_messages
        self._address = ServerAddress.from_host(host, port) if url is None else ServerAddress(url)
        self._reconnect_delay_s = reconnect_delay_s
        self._limits = limits
        self._position = ResumePosition()
        self._commands = Commands()
        self._receive_buffer = ReceiveBuffer(limits.max_unread_characters)
        self._send_queue = SendQueue(max_waiting_messages, limits.max_unsent_bytes)
        self._is_wanted = False  # true while there should be a connection
        self._connection: GatewayConnection | None = None
        self._token = TokenSource(token)
        self._policy = ReconnectPolicy(self._address, self._token, limits)
        self._task: asyncio.Task[None] | None = None  # owns everything that happens in the background
        self._retry_now = asyncio.Event()
        self._attempt_ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            await self.init()
        except asyncio.CancelledError:
            await self.disconnect_websocket()  # no __aexit__ follows
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect_websocket()

    @property
    def is_websocket_connected(self) -> bool:
        """True while a message could be sent."""
        return self._connection is not None and self._connection.is_open

    async def init(self) -> None:
        """Connect. Returns after the first attempt; if that failed, attempts go on in the background."""
        await self.connect_websocket()

    async def connect_websocket(self) -> bool:
        """Connect now, without waiting for the next attempt's time; return whether it is connected.

        If the attempt fails, attempts go on in the background until `disconnect_websocket()`. In a callback it can't
        wait for the attempt: it starts it, and returns whether it is connected before.
        """
        self._is_wanted = True
        self._receive_buffer.begin()
        is_in_callback = self._is_in_callback()
        while not is_in_callback and (ending_task := self._ending_task()) is not None:
            await asyncio.wait([ending_task])  # after a disconnect behind this call, a new task ends immediately
        if self.is_websocket_connected:
            return True
        if self._task is None or self._task.done():
            self._retry_now = asyncio.Event()  # the last one may belong to an event loop that has ended
            self._task = asyncio.create_task(self._run(), name=f"gateway to {self._address}")
        self._retry_now.set()
        if is_in_callback:
            return False
        # An attempt ends within open_timeout_s, but a callback may hold up its beginning for ever.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.open_timeout_s + 1):
                await self._attempt_ended.wait()
        return self.is_websocket_connected

    async def disconnect_websocket(self) -> None:
        """Disconnect for good, in whatever state: messages in the socket are sent, attempts end, nothing reconnects.

        When it returns, `on_websocket_status_change` has got False for its last True. Messages that waited for a
        connection are dropped, commands raise CommandTimeout, and `async for` ends behind the last event that came.
        Idempotent.
        """
        self._is_wanted = False
        self._send_queue.clear()
        self._commands.give_up()
        self._receive_buffer.end()
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
        """Queue one message to be sent, a mapping as JSON. Returns immediately.

        True: it is queued for the socket, or waits for a connection, as far as `max_waiting_messages` allows; only the
        server knows whether it arrives. False, with a warning in the log: nothing is connected and no more may wait,
        or `limits.max_unsent_bytes` would be exceeded; it is not kept for later.
        Raises TypeError or ValueError for a mapping that has no JSON form, or text that has no UTF-8 form.
        """
        text = message if isinstance(message, str) else as_json(message)
        if self.is_websocket_connected:
            is_accepted, reason = self._send_now(text), "the socket is full, or the message too large"
        else:
            is_accepted, reason = self._send_queue.put(text), f"not connected to {self._address}"
        if not is_accepted:
            _logger.warning("a message was not sent: %s", reason)
        return is_accepted

    @property
    def is_server_running(self) -> ServerCheck:
        """Await it: whether `/health`, next to the WebSocket's path, answers with 200 in time. Never raises."""
        return ServerCheck(self._address, self._limits.health_timeout_s, self._policy.heed_retry_after)

    async def __aiter__(self) -> AsyncGenerator[Event, None]:
        """Yield each event that came and was not read yet, then each as it comes, until a disconnect. Connects first.

        Up to `limits.max_unread_characters` wait to be read. Beyond, nothing more is read from the socket, as while a
        callback runs; before the first `async for`, the oldest are dropped, and with an `on_websocket_message` none
        wait. Results of awaited commands and text that is no JSON object are left out. Raises RuntimeError for a
        second reader.
        """
        with self._receive_buffer.reading():
            if not self._is_wanted:
                await self.connect_websocket()
            while texts := await self._receive_buffer.take():
                for text in texts:
                    if (event := parse(text)) is not None:
                        yield event

    async def _request(
        self, action: str, target: dict[str, str], deadline_s: float, members: Mapping[str, object]
    ) -> Mapping[str, object]:
        if self._is_in_callback():
            raise RuntimeError("a callback can't wait for a result, which it holds up itself: make a task for it")
        if not self._is_wanted:
            raise ConnectionError(f"{action} needs a connection to {self._address}: connect_websocket() first")
        with self._receive_buffer.unbounded():
            return await self._commands.request(self._send_now, action, target, deadline_s, members)

    def _send_now(self, text: str) -> bool:
        is_sent = self._connection is not None and self._connection.send_now(text)
        print_sent(text, is_sent and self.print_messages)
        return is_sent

    def _flush_queue(self) -> None:
        for text in self._commands.texts:  # first, as they were sent on an earlier connection
            self._send_now(text)
        self._send_queue.flush(self._send_now)

    def _is_in_callback(self) -> bool:
        return self._task is not None and self._task is asyncio.current_task()

    def _ending_task(self) -> asyncio.Task[None] | None:
        """Return the task, if `disconnect_websocket()` cancelled it and it isn't done yet."""
        task = self._task
        return task if task is not None and not task.done() and task.cancelling() else None

    async def _run(self) -> None:
        """Make attempts and serve connections until the task is cancelled or none is wanted."""
        try:
            while self._should_reconnect():
                state = await self._connect_once()
                await self._report(state)
                if state.retry_s == NEVER:
                    await self.disconnect_websocket()
                if self._should_reconnect():
                    await wait_for_attempt(self._retry_now, state.retry_s)
        except Exception:
            _logger.exception("the connection's task died of a bug; connect_websocket() starts a new one")
        finally:
            self._end_attempt()

    def _should_reconnect(self) -> bool:
        """False once there was a disconnect, even if a callback swallowed the task's cancellation."""
        return self._is_wanted and self._ending_task() is None

    async def _report(self, state: ConnectionState) -> None:
        if self._should_reconnect():
            await call("on_state_change", self.on_state_change, state)

    async def _connect_once(self) -> ConnectionState:
        """Make one attempt, and serve the connection to its end. Returns the state after it."""
        self._position.begin()
        try:
            connection = await open_connection(self._address, self._position, self._limits, self._token)
        except Exception as error:  # a host that is no name raises UnicodeError, for example
            self._end_attempt()
            return self._policy.state_after(error, self._reconnect_delay_s)
        self._connection = connection
        self._policy.connected()
        self._end_attempt()
        _logger.info("connected to %s", self._address)
        self._flush_queue()
        try:
            await call("on_websocket_status_change", self.on_websocket_status_change, True)
            await self._report(ConnectionState("connected"))
            await self._receive(connection)
        except WebSocketException as error:
            return self._policy.state_after(error, self._reconnect_delay_s)
        finally:
            await self._leave()
        return ConnectionState("lost", None, self._reconnect_delay_s)

    async def _receive(self, connection: GatewayConnection) -> None:
        """Deliver the messages that come, until a disconnect. Raises ConnectionClosed."""
        while self._should_reconnect() and self._connection is connection:
            message = await connection.recv()
            # Recorded before delivered: a callback that disconnects must not get the same event on its return.
            if isinstance(message, str) and self._position.is_new(message):
                await self._deliver(message)

    async def _deliver(self, text: str) -> None:
        print_received(text, self.print_messages)
        is_result = self._commands.take_result(text)
        await call("on_websocket_message", self.on_websocket_message, text)
        if not is_result and (self._receive_buffer.has_reader or self.on_websocket_message is None):
            await self._receive_buffer.put(text)

    async def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.leave()
            finally:
                await call("on_websocket_status_change", self.on_websocket_status_change, False)

    def _end_attempt(self) -> None:
        """Wake the callers that wait for the attempt's end, whatever came of it."""
        attempt_ended, self._attempt_ended = self._attempt_ended, asyncio.Event()
        attempt_ended.set()
        self._retry_now.clear()
