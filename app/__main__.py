"""One front-end: `python -m app`, with uvicorn set up as it is fastest."""

import argparse
import gc
import socket

import uvicorn

from app.http import SimulcastHttp
from app.main import create_app
from app.protocol import SimulcastProtocol
from app.settings import FrontEndSettings
from simulcast.commands import MAX_COMMAND_BYTES

PING_INTERVAL_S = 20.0
PONG_TIMEOUT_S = 20.0
SHUTDOWN_S = 5
# A lost connection leaves no cycle (app/protocol.py), so full collections find nothing, and with 10,000 clients each of
# them stops the process for half a second.
GC_THRESHOLDS = (10_000, 20, 100)


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m app", description="One front-end of Simulcast.")
    parser.add_argument("--host", help="address to listen on (SIMULCAST_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (SIMULCAST_PORT, 8080)")
    parser.add_argument("--fd", type=int, action="append", help="an inherited listening socket; may be repeated")
    parser.add_argument("--root-path", default="", help="sub path that a proxy in front serves this below, such as /x/")
    flags = parser.parse_args()
    given = {name: value for name in ("host", "port") if (value := getattr(flags, name)) is not None}
    settings = FrontEndSettings(**given)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        ws=SimulcastProtocol,
        http=SimulcastHttp,
        root_path=flags.root_path.rstrip("/"),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=16 * MAX_COMMAND_BYTES,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=PONG_TIMEOUT_S,
        ws_per_message_deflate=settings.compression,
        timeout_graceful_shutdown=SHUTDOWN_S,
        backlog=4096,
    )
    sockets = [socket.socket(fileno=fd) for fd in flags.fd or ()]
    gc.collect()
    gc.freeze()  # what was loaded for good is never looked at again
    gc.set_threshold(*GC_THRESHOLDS)
    uvicorn.Server(config).run(sockets=sockets or None)


if __name__ == "__main__":
    main()
