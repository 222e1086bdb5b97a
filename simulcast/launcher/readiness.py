"""Waits until a front-end delivers events: `GET /ready` on its admin port, until it says 200."""

import asyncio
import json

_ASK_S = 3.0
_PAUSE_S = 0.1
MAX_RESPONSE_BYTES = 64 * 1024


async def wait_until_ready(port: int, deadline_s: float) -> str | None:
    """None once it is ready; by the deadline the reason why it isn't."""
    reason = "it doesn't answer"
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                try:
                    async with asyncio.timeout(_ASK_S):
                        status, body = await _get_ready(port)
                    if status == 200:
                        return None
                    reason = _reason(body)
                except (OSError, EOFError, ValueError):  # TimeoutError is an OSError
                    pass
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError:
        return reason


async def _get_ready(port: int) -> tuple[int, bytes]:
    """Status and body (RFC 9112; the answer ends with the connection, since that was asked)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port)
        head = await reader.readuntil(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), await reader.read(MAX_RESPONSE_BYTES)
    finally:
        writer.close()


def _reason(body: bytes) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    detail = answer.get("detail") if isinstance(answer, dict) else None
    return str(detail or body.decode(errors="replace"))[:300]
