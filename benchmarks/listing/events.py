"""The latency of events at a client, while a crowd of connections lists all the time, and without it."""

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import websockets

from simulcast.broker import Broker
from tests.service import FrontEnd

CONNECTIONS = 100
EVENTS_S = 50


def measure_events(url: str, folder: Path, seconds: float, core: int) -> list[str]:
    """Return a table of the latency and of the front-end's memory, without and with the crowd.

    The front-end keeps the core that this process has; this process goes to `core`, and the crowd, which gives way.
    """
    server = FrontEnd(url, folder / "front-end.log")
    try:
        os.sched_setaffinity(0, {core})
        asyncio.run(_wait(server))
        without = asyncio.run(_latencies(url, server, seconds))
        memory = server.rss_bytes
        program = [sys.executable, "-m", "benchmarks.listing.crowd", str(server.port), str(CONNECTIONS)]
        crowd = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            time.sleep(1)  # all of them list
            with_crowd = asyncio.run(_latencies(url, server, seconds))
            grown = server.rss_bytes - memory
            lists, _ = crowd.communicate("\n", timeout=10)
        finally:
            crowd.kill()
    finally:
        server.stop()
    p50, p99 = _ms(without, 0.5), _ms(without, 0.99)
    return [
        "| | p50 ms | p99 ms | to without | lists/s | memory |",
        "|---|---:|---:|---:|---:|---:|",
        f"| without lists | {p50:.1f} | {p99:.1f} | | | {memory / 2**20:.0f} MiB |",
        f"| with lists | {_ms(with_crowd, 0.5):.1f} | {_ms(with_crowd, 0.99):.1f} | "
        f"{_ms(with_crowd, 0.99) / p99:.2f} × | {float(lists):.0f} | + {grown / 2**20:.0f} MiB |",
    ]


def _ms(latencies: list[float], share: float) -> float:
    return 1e3 * sorted(latencies)[int(share * (len(latencies) - 1))]


async def _wait(server: FrontEnd) -> None:
    await server.ready()


async def _latencies(url: str, server: FrontEnd, seconds: float) -> list[float]:
    """Return the time between an event's publishing and its receipt, in s, of each."""
    latencies: list[float] = []

    async def receive(client: websockets.ClientConnection) -> None:
        async for text in client:
            event = json.loads(text)
            if event.get("type") == "clock":
                latencies.append(time.monotonic() - event["at"])

    async with (
        aclosing(Broker.connect(url)) as broker,
        websockets.connect(f"{server.ws}?channel=clock", proxy=None) as client,
    ):
        receiving = asyncio.create_task(receive(client), name="receive")
        for _ in range(round(seconds * EVENTS_S)):
            await broker.publish({"type": "clock", "at": time.monotonic()}, "clock")
            await asyncio.sleep(1 / EVENTS_S)
        receiving.cancel()
    return latencies
