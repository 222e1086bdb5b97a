"""Waits until a front-end delivers events: until `GET /ready` on its admin port returns 200."""

import asyncio
import json

_REQUEST_TIMEOUT_S = 3.0
_POLL_INTERVAL_S = 0.1
MAX_RESPONSE_BYTES = 64 * 1024


async def wait_until_ready(port: int, timeout_s: float) -> str | None:
    """Return None once the front-end is ready, or after the time-out the reason why it isn't."""
    reason = "it doesn't answer"
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                        status, body = await _get_ready(port)
                    if status == 200:
                        return None
                    reason = _reason(body)
                except (OSError, EOFError, ValueError):  # TimeoutError is an OSError
                    pass
                await asyncio.sleep(_POLL_INTERVAL_S)
    except TimeoutError:
        return reason


async def _get_ready(port: int) -> tuple[int, bytes]:
    """Return status and body of one request (RFC 9112), whose connection the server closes after the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port)
        head = await reader.readuntil(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), await reader.read(MAX_RESPONSE_BYTES)
    finally:
        writer.close()


def _reason(body: bytes) -> str:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    detail = value.get("detail") if isinstance(value, dict) else None
    return str(detail or body.decode(errors="replace"))[:300]
