"""The ends of jobs that clients of a front-end are told."""

import json

from websockets.asyncio.client import ClientConnection

from simulcast.broker import Broker
from tests.service import FrontEnd, collect

ENDS = {f"job_{end}" for end in ("complete", "error", "cancelled", "deleted")}


async def ends_until(client: ClientConnection, marker: str, job_id: str) -> list[dict[str, object]]:
    events = [json.loads(text) for text in await collect(client, marker)]
    return [event for event in events if event.get("job_id") == job_id and event["type"] in ENDS]


async def first_end(client: ClientConnection, job_id: str) -> dict[str, object]:
    while True:
        event: dict[str, object] = json.loads(await client.recv())
        if event.get("job_id") == job_id and event["type"] in ENDS:
            return event


async def the_end(front_end: FrontEnd, client: ClientConnection, job_id: str) -> dict[str, object]:
    """Return the one end that a client that stays is told, and one that comes later, too."""
    event = await first_end(client, job_id)
    broker = Broker.connect(front_end.redis_url)
    try:
        async with await front_end.connect() as later:
            await broker.publish({"type": "marker", "of": job_id})
            marker = f'"of":"{job_id}"'
            assert await ends_until(client, marker, job_id) == []
            assert await ends_until(later, marker, job_id) == [event]
    finally:
        await broker.aclose()
    return event
