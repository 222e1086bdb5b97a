"""Downloads that fill a server."""

import asyncio

from simulcast.jobs import Jobs

ENDED_SHARE = 12  # one of so many has ended: 100,000 have fewer than the 10,000 that are kept
OWNERS = 50
TOGETHER = 500


async def fill(jobs: Jobs, count: int) -> None:
    """Add the downloads, and end some of them."""
    for start in range(0, count, TOGETHER):
        numbers = range(start, min(start + TOGETHER, count))
        await asyncio.gather(*(add(jobs, number) for number in numbers))
    for _ in range(count // ENDED_SHARE):
        await finish(jobs)


async def add(jobs: Jobs, number: int) -> None:
    """Add one, whose number is in its id and its name."""
    await jobs.submit(
        f"http://host-{number % 7}.example.com/file-{number}.iso", f"d{number}", owner=f"user-{number % OWNERS}"
    )


async def finish(jobs: Jobs) -> None:
    """End the next one of the queue."""
    lease = await jobs.claim("bench:1", 600)
    assert lease is not None
    await jobs.finish(lease, "complete", {"file_path": "/a"}, {"file_path": "/a"})
