"""One front-end: `python -m app`."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports, which take a second, shows no traceback

import argparse
import gc
import logging
import socket
import sys
from contextlib import suppress
from functools import partial

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from app.access.handshakes import HandshakeFilter
from app.access.middleware import RequestFilterMiddleware
from app.admin import PortRouter, admin_app
from app.server.server import DrainingServer, uvicorn_config, with_copies
from simulcast.errors import BrokerUnavailable, SimulcastError
from simulcast.frontend import FrontEnd
from simulcast.frontend.heartbeat import Endpoint
from simulcast.launcher.activation import activated_sockets
from simulcast.launcher.sockets import listen, listen_on_one
from simulcast.logs import configure, discard_lost_output
from simulcast.model.ip_address import join_port
from simulcast.settings.front_end import FrontEndSettings

# A lost connection leaves no cycle (transport/websocket.py), so full collections find nothing, and with 10,000
# clients each of them stops the process for half a second.
GC_THRESHOLDS = (10_000, 20, 100)
_log = logging.getLogger("simulcast.server")


def main() -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP. Exits with 1 for settings with which it must not start."""
    parser = argparse.ArgumentParser(
        prog="python -m app", description="One front-end of Simulcast, with the settings of its environment."
    )
    parser.add_argument("--fd", type=int, action="append", help="an inherited listening socket; may be repeated")
    parser.add_argument("--admin-fd", type=int, help="an inherited listening socket for the admin port")
    parser.add_argument("--root-path", default="", help="sub path that a proxy in front serves this below, such as /x/")
    for name, kind in (("host", str), ("port", int), ("admin-port", int)):
        variable = f"SIMULCAST_{name.upper().replace('-', '_')}"
        parser.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS, help=f"instead of {variable}")
    parser.add_argument(
        "--open-to-everyone",
        action="store_true",
        default=argparse.SUPPRESS,
        help="let others than this machine in without tokens, as SIMULCAST_OPEN_TO_EVERYONE=true does",
    )
    flags = parser.parse_args()
    names = {"host", "port", "admin_port", "open_to_everyone"}
    try:
        settings = FrontEndSettings.from_environment(**{n: v for n, v in vars(flags).items() if n in names})
        settings.check_host(settings.host)
        settings.resolved_redis_url()  # the server would log a traceback of its error
        configure("front-end", settings.log, settings.log_format, access_log=settings.access_log)
        admin = _admin_socket(settings, flags.admin_fd)
        config, front_end = _configure_server(settings, flags.root_path, admin)
        activated = activated_sockets()
        for listener in activated:
            settings.check_host(listener.getsockname()[0])
        sockets = [socket.socket(fileno=fd) for fd in flags.fd or ()] or activated or _listen(settings)
    except SimulcastError as error:
        sys.exit(f"simulcast: {error}")
    sockets = with_copies(sockets)
    if admin is not None:
        sockets.append(admin)
    gc.collect()
    gc.freeze()  # no collection looks at the modules again
    gc.set_threshold(*GC_THRESHOLDS)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again that it ended for
        DrainingServer(config, front_end.drain, hands_over=bool(activated)).run(sockets=sockets)
    discard_lost_output()


def _listen(settings: FrontEndSettings) -> list[socket.socket]:
    """Return new sockets. Raises CommandError for a port that can't be listened on."""
    sockets = listen(settings.host, settings.port)
    address = join_port(settings.host, settings.port)
    _log.info("the page is http://%s/, the WebSocket ws://%s/ws", address, address)
    return sockets


def _admin_socket(settings: FrontEndSettings, fd: int | None) -> socket.socket | None:
    """Return the inherited socket, or a new one. Raises CommandError for a port that can't be listened on."""
    if fd is not None:
        return socket.socket(fileno=fd)
    if not settings.admin_port:
        return None
    return listen_on_one(settings.admin_host, settings.admin_port)


def _configure_server(
    settings: FrontEndSettings, root_path: str, admin: socket.socket | None
) -> tuple[uvicorn.Config, FrontEnd]:
    """Raises SettingRefused."""
    from app.main import create_app  # makes an app of the environment's settings too: not before they were checked

    address = f"{settings.host}:{settings.port}"
    if admin is None:
        public: FastAPI = create_app(settings, Endpoint(address))
        app: ASGIApp = public
    else:
        host, port = admin.getsockname()[:2]
        public = create_app(settings, Endpoint(address, f"{host}:{port}"))
        guarded = RequestFilterMiddleware(admin_app(public), frozenset(settings.allowed_hosts))
        app = PortRouter(public, guarded, {port})
    front_end: FrontEnd = public.state.front_end
    hosts = frozenset(settings.allowed_hosts)
    admin_port = 0 if admin is None else admin.getsockname()[1]
    websockets = HandshakeFilter(front_end.direct_endpoint, hosts, root_path, admin_port)
    return uvicorn_config(app, websockets, settings, root_path, partial(_server_counts, front_end)), front_end


def _server_counts(front_end: FrontEnd) -> tuple[int, int]:
    try:
        return front_end.services.broker.server_counts()
    except BrokerUnavailable:  # it starts again
        return 1, 0


if __name__ == "__main__":
    main()
