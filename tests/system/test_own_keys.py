"""Keys that nobody owns leave the snapshots of every front-end, and downloads that have an owner never do."""

import pytest

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from simulcast.model.commands import Command
from tests.conditions import eventually
from tests.programs import StartFrontEnd
from tests.service import FrontEnd
from tests.valkey import Valkey

pytestmark = pytest.mark.long

URL = "http://example.com/a.iso"


async def shown(running: FrontEnd) -> list[tuple[object, object]]:
    """Return type and key of each entry of the snapshot."""
    _, state = await running.get("/channels/downloads/state")
    events = state["events"]
    assert isinstance(events, list)
    return [(event["type"], event.get("download_id") or event.get("key")) for event in events]


async def test_what_nobody_owns_leaves_every_front_end_and_owned_downloads_stay(
    front_end: StartFrontEnd, own_valkey: Valkey, own_broker: Broker
) -> None:
    first, second = await front_end(), await front_end()
    jobs = Jobs.connect(own_valkey.url, own_broker)
    await jobs.submit(URL, "owned")
    await jobs.command(Command("pause", "owned"))
    await jobs.aclose()
    progress = {"type": "download_progress", "progress": 0.5, "speed": 1}
    await own_broker.publish(progress | {"download_id": "mine"}, ttl_s=1)
    await own_broker.publish({"type": "render", "key": "long"}, key="long", ttl_s=600)
    await own_broker.publish({"type": "render", "key": "ended"}, key="ended", ends=True)
    kept = [("download_paused", "owned"), ("render", "long"), ("render", "ended")]

    async def has_left() -> bool:
        return all([("download_progress", "mine") not in await shown(each) for each in (first, second)])

    await eventually(has_left, "the end of the silence")
    third = await front_end()  # which reads the snapshot of Redis
    for each in (first, second, third):
        assert sorted(map(str, await shown(each))) == sorted(map(str, kept))
