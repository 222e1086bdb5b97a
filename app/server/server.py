"""uvicorn, set up as it is fastest, and so that no client costs the others anything."""

from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from app.server.connection_limits import ConnectionLimits, max_connections
from app.server.http import SimulcastHTTPProtocol
from simulcast.file_limits import raise_limit
from simulcast.frontend.subscriptions.subscriber import PING_INTERVAL_S
from simulcast.frontend.transport.websocket import SimulcastWebSocketProtocol
from simulcast.model.commands import MAX_COMMAND_BYTES
from simulcast.settings.front_end import FrontEndSettings

PONG_TIMEOUT_S = 20.0
GRACEFUL_SHUTDOWN_S = 5  # for requests under way, after the clients have left
MAX_MESSAGE_BYTES = 4 * MAX_COMMAND_BYTES  # a command of as many characters as it may have, whichever they are


def _one_redis() -> tuple[int, int]:
    return 1, 0


def uvicorn_config(
    app: ASGIApp, settings: FrontEndSettings, root_path: str = "", places: Callable[[], tuple[int, int]] = _one_redis
) -> uvicorn.Config:
    """What the front-end's server is started with. Raises the process's own limit of descriptors.

    `places`: how many servers of Redis serve channels now, and how many are asked who does.
    """
    proxies = list(settings.proxies)
    descriptors = raise_limit()

    class Http(SimulcastHTTPProtocol):
        limits = ConnectionLimits(
            lambda: max_connections(descriptors, *places()), settings.connections_per_address, proxies
        )

    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ws=SimulcastWebSocketProtocol,
        http=Http,
        forwarded_allow_ips=proxies,
        root_path=root_path,
        log_level="warning",
        access_log=False,
        server_header=False,
        headers=[("x-content-type-options", "nosniff")],  # nothing that others published is taken for a page
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=PONG_TIMEOUT_S,
        ws_per_message_deflate=settings.compression,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
        backlog=4096,
    )
