"""Somebody who does nothing wrong, on the same front-end: whatever others do, it goes on being told."""

import asyncio
import itertools
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.service import FrontEnd, collect

_numbers = itertools.count()
# What a front-end says of itself: a time, a level, a name; and uvicorn of what is no HTTP.
LINE = re.compile(r"\d\d:\d\d:\d\d [A-Z]+ +simulcast\.\w+: .*|WARNING:  Invalid HTTP request received\.")


@asynccontextmanager
async def bystander(running: FrontEnd) -> AsyncIterator[None]:
    """Fails where, at the end, the same connection doesn't get what is published then."""
    connection = await running.connect()
    yield
    number = next(_numbers)
    status, _ = await running.post("/channels/downloads/publish", {"type": "mine", "still_here": number})
    assert status == 200
    await collect(connection, f'"still_here": {number}}}')
    await connection.close()


async def send_raw(running: FrontEnd, data: bytes) -> bytes:
    """All that comes back until the server closes; it must do so within 20 s."""

    def send() -> bytes:
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
            with suppress(ConnectionError):  # it may close before all was sent
                connection.sendall(data)
            received = b""
            with suppress(ConnectionError):
                while chunk := connection.recv(65536):
                    received += chunk
            return received

    return await asyncio.to_thread(send)


def lines_of_its_own(running: FrontEnd) -> list[str]:
    """Lines of the log that look as if the front-end hadn't written them."""
    return [line for line in running.output().splitlines() if not LINE.fullmatch(line)]
