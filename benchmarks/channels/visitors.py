"""Clients that come and go, each in a channel or a view of its own: what of a front-end's memory stays."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.conditions import eventually
from tests.service import FrontEnd
from tests.valkey import Valkey

MAX_CONNECTED = 100
DEADLINE_S, RETRY_S = 60.0, 0.5
INTERVALS_MS = range(100, 60_100, 100)
HANDSHAKE = (
    "GET /ws?{query} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Visits:
    """`rss_bytes`: the front-end's, at its start and after each round, once all channels were left."""

    clients: int
    channels: int
    rss_bytes: list[int]

    @property
    def growth(self) -> float:
        """Return how much the rounds after the first one, which warms up, added."""
        return self.rss_bytes[-1] / self.rss_bytes[1] - 1


async def _visit(port: int, query: str, places: asyncio.Semaphore) -> None:
    async with places, asyncio.timeout(DEADLINE_S):
        while not await _is_admitted(port, query):  # a busy front-end asks it to come back later
            await asyncio.sleep(RETRY_S)


async def _is_admitted(port: int, query: str) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(HANDSHAKE.format(query=query).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith((b"HTTP/1.1 101", b"HTTP/1.1 503")):
            raise ConnectionError(f"refused: {head[:200]!r}")
        return head.startswith(b"HTTP/1.1 101")
    finally:
        writer.transport.abort()


async def measured(rounds: int, clients: int, channels: int, folder: Path) -> Visits:
    """`clients` come in each round; one fifth to a channel of its own, at most `channels`, the others to a view.

    Raises ConnectionError where one is refused.
    """
    valkey = Valkey(folder / "valkey", options=("--appendfsync", "everysec")).start()
    front_end = await FrontEnd(valkey.url, folder / "log").ready()
    rss, places = [front_end.rss_bytes], asyncio.Semaphore(MAX_CONNECTED)
    try:
        for round_ in range(rounds):
            visits = []
            for number in range(clients):
                view = f"interval_ms={INTERVALS_MS[number % len(INTERVALS_MS)]}&download_id={number % channels}"
                own = f"channel=round-{round_}-{number // 5 % channels}"
                visits.append(_visit(front_end.port, own if number % 5 == 0 else view, places))
            await asyncio.gather(*visits)

            async def is_alone() -> bool:
                answer = (await front_end.get("/ready"))[1]
                return answer.get("clients") == 0 and answer.get("channels") == 1

            await eventually(is_alone, "the end of all channels", 120)
            await asyncio.sleep(11)  # free memory is returned every ten seconds
            rss.append(front_end.rss_bytes)
    finally:
        front_end.stop()
        valkey.stop()
    return Visits(clients, channels, rss)
