import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from simulcast.launcher.readiness import wait_until_ready
from tests.ports import free_port


@asynccontextmanager
async def front_end(*answers: tuple[int, str]) -> AsyncIterator[int]:
    """Gives each answer once, and the last for ever. Yields its port."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        assert asked.startswith(b"GET /ready HTTP/1.1\r\n")
        status, body = left.pop(0) if len(left) > 1 else left[0]
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_wait_returns_once_the_front_end_is_ready() -> None:
    async with front_end((503, "{}"), (500, "?"), (200, "{}")) as port:
        assert await wait_until_ready(port, 20) is None


async def test_wait_returns_the_reason_after_the_time_out() -> None:
    async with front_end((503, json.dumps({"detail": "no events from Redis"}))) as port:
        assert await wait_until_ready(port, 0.5) == "no events from Redis"


async def test_wait_returns_a_response_that_is_no_json() -> None:
    async with front_end((500, "Internal Server Error")) as port:
        assert await wait_until_ready(port, 0.5) == "Internal Server Error"


async def test_wait_reports_a_front_end_that_does_not_answer() -> None:
    assert await wait_until_ready(free_port(), 0.3) == "it doesn't answer"
