"""An echo, served as a front-end is: `python -m tests.autobahn.echo PORT [compressed]`.

Two things differ: the size of a message, of which the suite's largest has 16 MiB and a front-end takes 16 KiB, and that
the server doesn't ping, since a case that lasts longer than 20 s takes a ping for a wrong answer.
"""

import sys

import uvicorn
from starlette.applications import Starlette
from websockets.frames import Frame, Opcode

from app.server.connection import Connection
from app.server.server import uvicorn_config
from simulcast.frontend.transport.handshake import Handshake
from simulcast.frontend.transport.websocket import WebSocketConnection
from simulcast.settings.front_end import FrontEndSettings

LARGEST = 16 * 1024 * 1024


class Echo(WebSocketConnection):
    """What comes goes back."""

    def on_message(self, opcode: Opcode, data: bytes) -> None:
        if opcode is Opcode.TEXT:
            data.decode()
        self.write(Frame(opcode, data).serialize(mask=False, extensions=self._extensions))


def accept(handshake: Handshake) -> None:
    handshake.accept(None)


def main() -> None:
    """Serves until SIGTERM."""
    settings = FrontEndSettings(port=int(sys.argv[1]), compression="compressed" in sys.argv[2:])
    config = uvicorn_config(Starlette(), accept, settings)
    assert isinstance(config.http, type) and issubclass(config.http, Connection)
    config.http.context.connection_class = Echo
    config.lifespan = "off"
    config.ws_max_size = LARGEST
    config.ws_ping_interval = None
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
