"""A client that does nothing wrong: whatever others do to its front-end, it goes on receiving."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.programs import LINE
from tests.service import FrontEnd, collect

_numbers = itertools.count()


@asynccontextmanager
async def unharmed_client(running: FrontEnd) -> AsyncIterator[None]:
    """Connect a client, which must receive an event that is published in the end."""
    connection = await running.connect()
    yield
    number = next(_numbers)
    status, _ = await running.post("/channels/downloads/publish", {"type": "mine", "still_here": number})
    assert status == 200
    await collect(connection, f'"still_here": {number}}}')
    await connection.close()


async def send_raw(running: FrontEnd, data: bytes) -> bytes:
    """Send the bytes; return all that comes until the server closes, which it must do within 20 s."""

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


def forged_lines(running: FrontEnd) -> list[str]:
    """Return lines of the log that the front-end cannot have written."""
    return [line for line in running.output().splitlines() if not LINE.fullmatch(line)]
