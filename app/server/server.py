"""uvicorn, configured for speed and so that no client takes anything from the others, and its end in order."""

import asyncio
import ctypes
import socket
from collections.abc import Awaitable, Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from app.server.connection import Connection, ConnectionContext
from app.server.connection_limits import ConnectionLimits, max_connections
from app.server.handshake_queue import HandshakeQueue
from app.server.http import ExchangeMiddleware
from simulcast.file_limits import raise_limit
from simulcast.frontend.subscriptions.hello import PING_INTERVAL_S
from simulcast.frontend.transport.handshake import Endpoint
from simulcast.frontend.transport.progress import UNACKNOWLEDGED_TIMEOUT_S
from simulcast.model.commands import MAX_COMMAND_BYTES
from simulcast.settings.front_end import FrontEndSettings

HANDSHAKE_S = 1.0  # for the requests of the connections that were accepted last
GRACEFUL_SHUTDOWN_S = 5  # for requests in progress, once the clients have left
MAX_MESSAGE_BYTES = 4 * MAX_COMMAND_BYTES  # a command of the longest text, whatever its characters
# uvloop accepts one connection of a listener in a turn of the loop: behind a crowd, /ready waited for seconds.
ACCEPTS_PER_TURN = 8
# Linux counts the time since the window of a slow reader became too small for the next segment, of up to 64 KiB, though
# the client reads all the time (tcp_probe_timer). So its own timeout is only for what no other one covers.
KERNEL_TIMEOUT_S = 15 * UNACKNOWLEDGED_TIMEOUT_S
NOTSENT_BYTES = 64 * 1024  # unsent bytes that the kernel may hold for one client
TRIM_INTERVAL_S = 10  # the server ticks ten times a second
_POLL_INTERVAL_S = 0.05


def with_copies(sockets: list[socket.socket]) -> list[socket.socket]:
    """Return listening sockets with copies of them, so that ACCEPTS_PER_TURN clients are accepted in one turn."""
    return [*sockets, *(listener.dup() for listener in sockets for _ in range(ACCEPTS_PER_TURN - 1))]


def prepare_listener(listener: socket.socket) -> None:
    """Set what its connections inherit: the kernel holds little for a client, and cuts one that vanished at last."""
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOTSENT_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(KERNEL_TIMEOUT_S * 1000))


def return_free_memory() -> None:
    """Return free pages to the system. By itself glibc returns those above the last block in use alone."""
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


class DrainingServer(uvicorn.Server):
    """Serves on while its clients are disconnected. A second signal ends it without waiting for them.

    `hands_over`: its sockets outlive it, and further clients wait there for the next process, so it accepts none.
    """

    def __init__(
        self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]], *, hands_over: bool = False
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self._hands_over = hands_over
        self._signal: int | None = None  # for which it hands over

    async def on_tick(self, counter: int) -> bool:
        if self._signal is not None:
            for server in self.servers:
                server.close()
            await asyncio.sleep(HANDSHAKE_S)
            super().handle_exit(self._signal, None)
        if counter % (10 * TRIM_INTERVAL_S) == 0:
            return_free_memory()
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in sockets or ():  # its connections inherit it: setting it for each took a tenth of a handshake
            prepare_listener(listener)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        draining = asyncio.ensure_future(self._drain())
        while not draining.done() and not self.force_exit:
            await asyncio.wait([draining], timeout=_POLL_INTERVAL_S)
        draining.cancel()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        if self._hands_over and self._signal is None:
            self._signal = sig
        else:
            super().handle_exit(sig, frame)


def uvicorn_config(
    app: ASGIApp,
    websockets: Endpoint,
    settings: FrontEndSettings,
    root_path: str = "",
    server_counts: Callable[[], tuple[int, int]] = lambda: (1, 0),
) -> uvicorn.Config:
    """Return the configuration of a front-end's server, and raise the process's limit of descriptors.

    `websockets`: of handshakes, which do not reach `app`. `server_counts`: how many servers of Redis serve channels
    now, and how many are asked which ones do.
    """
    proxies = list(settings.proxies)
    descriptors = raise_limit()

    limits = ConnectionLimits(
        lambda: max_connections(descriptors, *server_counts()), settings.connections_per_address, proxies
    )

    class FrontEndConnection(Connection):
        __slots__ = ()
        context = ConnectionContext(limits, HandshakeQueue(websockets))

    return uvicorn.Config(
        ExchangeMiddleware(app),
        host=settings.host,
        port=settings.port,
        http=FrontEndConnection,
        ws="none",
        forwarded_allow_ips=proxies,
        root_path=root_path,
        log_config=None,  # its lines look like all others
        log_level="warning",
        access_log=False,
        server_header=False,
        headers=[("x-content-type-options", "nosniff")],  # published text is never taken for a page
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_INTERVAL_S,
        ws_per_message_deflate=settings.compression,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
        backlog=4096,
    )
