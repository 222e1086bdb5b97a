"""One front-end: `python -m app`."""

import argparse
import gc
import socket
import sys
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from app.access.middleware import RequestFilterMiddleware
from app.admin import PortRouter, admin_app
from app.heartbeat import Endpoint
from app.server.drain import Server
from app.server.server import uvicorn_config
from app.services import Services
from simulcast.errors import SettingRefused
from simulcast.logs import configure
from simulcast.settings.front_end import FrontEndSettings

# A lost connection leaves no cycle (transport/websocket.py), so full collections find nothing, and with 10,000
# clients each of them stops the process for half a second.
GC_THRESHOLDS = (10_000, 20, 100)


def main() -> None:
    """Serves until SIGTERM or SIGINT. Exits with 1 for settings with which it must not start."""
    parser = argparse.ArgumentParser(prog="python -m app", description="One front-end of Simulcast.")
    parser.add_argument("--host", help="address to listen on (SIMULCAST_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (SIMULCAST_PORT, 8080)")
    parser.add_argument("--admin-port", type=int, help="port for /metrics and /ready (SIMULCAST_ADMIN_PORT, none)")
    parser.add_argument("--fd", type=int, action="append", help="an inherited listening socket; may be repeated")
    parser.add_argument("--admin-fd", type=int, help="an inherited listening socket for the admin port")
    parser.add_argument("--root-path", default="", help="sub path that a proxy in front serves this below, such as /x/")
    parser.add_argument(
        "--open-to-everyone",
        action="store_const",
        const=True,
        help="let others than this machine in without tokens (SIMULCAST_OPEN_TO_EVERYONE)",
    )
    flags = parser.parse_args()
    names = ("host", "port", "admin_port", "open_to_everyone")
    given = {name: value for name in names if (value := getattr(flags, name)) is not None}
    try:
        settings = FrontEndSettings.from_environment(**given)
        settings.check_host(settings.host)
        configure(settings.log)
        admin = _admin_socket(settings, flags.admin_fd)
        config = _config(settings, flags.root_path, admin)
    except SettingRefused as error:
        sys.exit(f"simulcast: {error}")
    sockets = [socket.socket(fileno=fd) for fd in flags.fd or ()]
    if admin is not None:
        sockets = [*(sockets or [config.bind_socket()]), admin]
    gc.collect()
    gc.freeze()  # what was loaded for good is never looked at again
    gc.set_threshold(*GC_THRESHOLDS)
    Server(config, settings.drain_s).run(sockets=sockets or None)


def _admin_socket(settings: FrontEndSettings, fd: int | None) -> socket.socket | None:
    """What was handed down, else one of its own, else none. Raises SettingRefused where the port can't be had."""
    if fd is not None:
        return socket.socket(fileno=fd)
    if not settings.admin_port:
        return None
    family = socket.AF_INET6 if ":" in settings.admin_host else socket.AF_INET
    try:
        return socket.create_server((settings.admin_host, settings.admin_port), family=family)
    except OSError as error:
        raise SettingRefused(
            f"the admin port {settings.admin_port} of {settings.admin_host} can't be listened on "
            f"({error.strerror or error}): choose another one with SIMULCAST_ADMIN_PORT or --admin-port"
        ) from error


def _config(settings: FrontEndSettings, root_path: str, admin: socket.socket | None) -> uvicorn.Config:
    """Raises SettingRefused."""
    from app.main import create_app  # makes an app of the environment's settings too: not before they were checked

    address = f"{settings.host}:{settings.port}"
    if admin is None:
        app: ASGIApp = (public := create_app(settings, Endpoint(address)))
    else:
        host, port = admin.getsockname()[:2]
        public = create_app(settings, Endpoint(address, f"{host}:{port}"))
        guarded = RequestFilterMiddleware(admin_app(public), frozenset(settings.allowed_hosts))
        app = PortRouter(public, guarded, {port})
    return uvicorn_config(
        app, settings, root_path, lambda: cast(Services, public.state.services).broker.server_counts()
    )


if __name__ == "__main__":
    main()
