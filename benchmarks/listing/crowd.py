"""Connections that list all the time, and the answers: `python -m benchmarks.listing.crowd PORT CONNECTIONS`."""

import asyncio
import os
import sys
import time

PATHS = (
    "/downloads?limit=100",
    "/downloads?state=queued&limit=100",
    "/downloads?owner=user-7&sort=updated_at&limit=100",
)


async def _list(port: int, path: str, counts: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(size)
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ValueError(head.decode())
        counts[0] += 1


async def _main(port: int, connections: int) -> None:
    counts, begun_s = [0], time.monotonic()
    tasks = [asyncio.create_task(_list(port, PATHS[n % len(PATHS)], counts)) for n in range(connections)]
    await asyncio.to_thread(sys.stdin.readline)
    if failed := [task for task in tasks if task.done()]:
        await failed[0]
    print(counts[0] / (time.monotonic() - begun_s), flush=True)


if __name__ == "__main__":
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # its own work must cost nobody anything
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2])))
