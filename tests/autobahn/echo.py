"""An echo, served as a front-end is: `python -m tests.autobahn.echo PORT [compressed]`.

Two things differ: the size of a message, of which the suite's largest has 16 MiB and a front-end takes 16 KiB, and that
the server doesn't ping, since a case that lasts longer than 20 s takes a ping for a wrong answer.
"""

import sys

import uvicorn
from starlette.types import Receive, Scope, Send

from app.server.server import uvicorn_config
from simulcast.settings.front_end import FrontEndSettings

LARGEST = 16 * 1024 * 1024


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """What comes goes back."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send(dict(message, type="websocket.send"))


def main() -> None:
    """Serves until SIGTERM."""
    settings = FrontEndSettings(port=int(sys.argv[1]), compression="compressed" in sys.argv[2:])
    config = uvicorn_config(echo, settings)
    config.lifespan = "off"
    config.ws_max_size = LARGEST
    config.ws_ping_interval = None
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
