"""A check of the server's process, without an HTTP library."""

import asyncio
import re
import warnings
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, NoReturn, Self

from simulcast.gateway.address import ServerAddress

_OK = re.compile(rb"HTTP/1\.[01] 200\b")
_RETRY_AFTER = re.compile(rb"^retry-after:(.*)$", re.IGNORECASE | re.MULTILINE)


async def is_running(address: ServerAddress, timeout_s: float, refused: Callable[[str], None]) -> bool:
    """Return whether `GET /health` is answered with 200 within `timeout_s`. Never raises. Uses no proxy.

    Calls `refused` with the header Retry-After of another answer, if it has one.
    """
    try:
        async with asyncio.timeout(timeout_s):
            uri = address.uri
            reader, writer = await asyncio.open_connection(uri.host, uri.port, ssl=uri.secure)
            try:
                writer.write(address.health_request())
                head = await reader.readuntil(b"\r\n\r\n")
            finally:
                writer.transport.abort()  # the body isn't needed, and a polite end may hang
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
        return False  # unreachable, TLS, too late; a host that is no name, an endless head
    is_ok = _OK.match(head) is not None
    if not is_ok and (retry_after := _RETRY_AFTER.search(head)):
        refused(retry_after[1].decode("latin-1"))
    return is_ok


class ServerCheck:
    """The answer to be awaited: `await gateway.is_server_running`, as in the Flutter app."""

    def __init__(self, address: ServerAddress, timeout_s: float, refused: Callable[[str], None]) -> None:
        """As `is_running`."""
        self._check = partial(is_running, address, timeout_s, refused)

    def __await__(self) -> Generator[Any, Any, bool]:
        return self._check().__await__()

    def __call__(self) -> Self:
        warnings.warn("write `await gateway.is_server_running`, without ()", DeprecationWarning, stacklevel=2)
        return self

    def __bool__(self) -> NoReturn:
        raise TypeError("whether the server runs has to be awaited: `await gateway.is_server_running`")
