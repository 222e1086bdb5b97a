"""One front-end: `python -m app`."""

import argparse
import gc
import socket
import sys

import uvicorn
from pydantic import ValidationError

from app.drain import Server
from app.serving import configuration
from app.settings import FrontEndSettings
from simulcast.errors import SettingRefused
from simulcast.settings import explained

# A lost connection leaves no cycle (app/protocol.py), so full collections find nothing, and with 10,000 clients each of
# them stops the process for half a second.
GC_THRESHOLDS = (10_000, 20, 100)


def main() -> None:
    """Serves until SIGTERM or SIGINT. Exits with 1 for settings with which it must not start."""
    parser = argparse.ArgumentParser(prog="python -m app", description="One front-end of Simulcast.")
    parser.add_argument("--host", help="address to listen on (SIMULCAST_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (SIMULCAST_PORT, 8080)")
    parser.add_argument("--fd", type=int, action="append", help="an inherited listening socket; may be repeated")
    parser.add_argument("--root-path", default="", help="sub path that a proxy in front serves this below, such as /x/")
    parser.add_argument(
        "--open-to-everyone",
        action="store_const",
        const=True,
        help="let others than this machine in without tokens (SIMULCAST_OPEN_TO_EVERYONE)",
    )
    flags = parser.parse_args()
    names = ("host", "port", "open_to_everyone")
    given = {name: value for name in names if (value := getattr(flags, name)) is not None}
    try:
        settings = FrontEndSettings(**given)
        config = _config(settings, flags.root_path)
    except SettingRefused as error:
        sys.exit(f"simulcast: {error}")
    except ValidationError as error:
        sys.exit(f"simulcast: {explained(error)}")
    sockets = [socket.socket(fileno=fd) for fd in flags.fd or ()]
    gc.collect()
    gc.freeze()  # what was loaded for good is never looked at again
    gc.set_threshold(*GC_THRESHOLDS)
    Server(config, settings.drain_s).run(sockets=sockets or None)


def _config(settings: FrontEndSettings, root_path: str) -> uvicorn.Config:
    """Raises SettingRefused."""
    settings.check_host(settings.host)
    from app.main import create_app  # makes an app of the environment's settings too: not before they were checked

    return configuration(create_app(settings), settings, root_path)


if __name__ == "__main__":
    main()
