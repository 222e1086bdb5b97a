"""Connections with a token, and their ends."""

import asyncio
from contextlib import suppress

import websockets
from websockets.asyncio.client import ClientConnection

from tests.service import FrontEnd


async def connect(front_end: FrontEnd, text: str = "", query: str = "") -> ClientConnection:
    """Connect with the token in the header, or without one."""
    headers = {"Authorization": f"Bearer {text}"} if text else {}
    return await websockets.connect(front_end.ws + query, additional_headers=headers, proxy=None)


async def bytes_until_end(reader: asyncio.StreamReader) -> int:
    """Count what still comes, until the connection ends or is cut."""
    received = 0
    with suppress(ConnectionError):
        async with asyncio.timeout(60):
            while part := await reader.read(1 << 20):
                received += len(part)
    return received
