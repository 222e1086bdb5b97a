"""One WebSocket connection that notices silence and never waits for ever."""

import asyncio
import contextlib
import logging
from typing import cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import broadcast
from websockets.exceptions import InvalidProxy
from websockets.protocol import State
from websockets.typing import Subprotocol

from simulcast.gateway.address import ServerAddress
from simulcast.gateway.limits import Limits
from simulcast.gateway.resume_position import ResumePosition
from simulcast.gateway.token import TokenSource

_logger = logging.getLogger("simulcast.gateway")
_SUBPROTOCOL = Subprotocol("simulcast.flat")  # tells the server that this client comes back with its position


class GatewayConnection(ClientConnection):
    """A client's connection, from `open_connection`. `recv()` is the only thing to wait on."""

    _limits = Limits()
    _received_at = 0.0
    _idle_timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """False as soon as either side began to close."""
        return self.state is State.OPEN

    def watch(self, limits: Limits) -> None:
        """Abort the connection after `limits.idle_timeout_s` of silence; `recv()` then raises with 1006.

        websockets' own keepalive wants a pong to each ping, even while a slow callback holds up the reading,
        and then waits for the closing handshake of a peer that is gone. Here any frame is a sign of life.
        """
        self._limits = limits
        self._received_at = self.loop.time()
        self._check_idle()

    def send_now(self, text: str) -> bool:
        """Hand `text` to the socket, behind the messages that wait there. False if not open or over the bound."""
        unsent_bytes = self.transport.get_write_buffer_size() + len(text.encode())
        if not self.is_open or unsent_bytes > self._limits.max_unsent_bytes:
            return False
        broadcast([self], text)  # to one: the public call that writes without waiting
        return True

    async def leave(self) -> None:
        """Send what is unsent, close with 1000, and cut after `limits.close_timeout_s`. Idempotent."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.close_timeout_s):
                    await self.close()
        finally:
            # No effect if it is closed. Needed where the socket is full: close() itself has no bound there.
            self.transport.abort()
        await self.wait_closed()

    def data_received(self, data: bytes) -> None:
        """Note the time of each read. After a close only the end is awaited: bytes prolong nothing then."""
        if self.is_open:
            self._received_at = self.loop.time()
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the watch with the connection."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        super().connection_lost(exc)

    def _check_idle(self) -> None:
        now, idle_timeout_s = self.loop.time(), self._limits.idle_timeout_s
        if self.is_open and not self.transport.is_reading():
            self._received_at = now  # a slow callback holds up the reading; the server is not silent
        left_s = self._received_at + idle_timeout_s - now
        if left_s <= 0:
            _logger.warning("the server was silent for %g s: the connection counts as lost", idle_timeout_s)
            self.transport.abort()
            return
        # Several checks in a period, so that the end of a long pause isn't taken for the end of a silence.
        self._idle_timer = self.loop.call_later(min(left_s, idle_timeout_s / 4), self._check_idle)


class _DirectConnect(connect):
    """A connect that follows no redirect: another host must not get what the URL holds. It fails with the status."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def open_connection(
    address: ServerAddress, position: ResumePosition, limits: Limits, token: TokenSource
) -> GatewayConnection:
    """Connect within `limits.open_timeout_s`, to resume at `position`.

    Another machine is reached through the proxy of the environment if there is one. Raises OSError (TimeoutError among
    them) or websockets' WebSocketException.
    """
    connecting = _DirectConnect(
        address.resuming_after(position.event_id, position.channels),
        create_connection=GatewayConnection,
        subprotocols=[_SUBPROTOCOL],
        additional_headers=await token.headers(limits.open_timeout_s),
        open_timeout=limits.open_timeout_s,
        ping_interval=limits.idle_timeout_s * 4 / 9,
        ping_timeout=None,  # the watch decides
        close_timeout=limits.close_timeout_s,
        max_size=limits.max_message_bytes,
        proxy=None if address.is_this_machine else True,
    )
    try:
        connection = await connecting
    except (InvalidProxy, ValueError) as error:  # their texts show the proxy's password
        if isinstance(error, UnicodeError | OSError):  # of a host that is no name; of a certificate that isn't trusted
            raise
        raise ConnectionError("the proxy of the environment (https_proxy and the like) has no valid address") from None
    opened = cast(GatewayConnection, connection)
    opened.watch(limits)
    return opened
