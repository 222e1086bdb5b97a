"""Asking whether the server's process runs, without an HTTP library."""

import asyncio
import re

from simulcast.gateway.address import Address

_OK = re.compile(rb"HTTP/1\.[01] 200\b")


async def is_running(address: Address, timeout_s: float) -> bool:
    """Whether `GET /health` is answered with 200 within `timeout_s`. Never raises. Uses no proxy."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=address.secure)
            try:
                writer.write(address.health_request())
                status = await reader.readline()
            finally:
                writer.transport.abort()  # the status is all we want, and a polite end may hang
    except (OSError, ValueError):  # unreachable, TLS, too late; a host that is no name, an endless line
        return False
    return _OK.match(status) is not None
