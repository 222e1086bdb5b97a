"""WebSockets with a token."""

import websockets
from websockets.asyncio.client import ClientConnection

from tests.service import FrontEnd


async def connect(front_end: FrontEnd, text: str = "", query: str = "") -> ClientConnection:
    """Connect with the token in the header, or without one."""
    headers = {"Authorization": f"Bearer {text}"} if text else {}
    return await websockets.connect(front_end.ws + query, additional_headers=headers, proxy=None)
