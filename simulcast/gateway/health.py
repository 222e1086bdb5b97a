"""A check of the server's process, without an HTTP library."""

import asyncio
import re

from simulcast.gateway.address import ServerAddress

_OK = re.compile(rb"HTTP/1\.[01] 200\b")


async def is_running(address: ServerAddress, timeout_s: float) -> bool:
    """Return whether `GET /health` is answered with 200 within `timeout_s`. Never raises. Uses no proxy."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=address.secure)
            try:
                writer.write(address.health_request())
                status_line = await reader.readline()
            finally:
                writer.transport.abort()  # nothing behind the status is needed, and a polite end may hang
    except (OSError, ValueError):  # unreachable, TLS, too late; a host that is no name, an endless line
        return False
    return _OK.match(status_line) is not None
