"""Jobs as tests claim them, and the events that a channel's history holds."""

import json

from simulcast.broker import Broker
from simulcast.download_channels import DownloadChannels
from simulcast.jobs import Jobs, Lease
from simulcast.model.position import Position

URL = "http://user:secret@example.com/files/a%20b.iso?x=1"


async def history(broker: Broker, channel: str) -> list[dict[str, object]]:
    """Return every event that the channel keeps, oldest first."""
    head = (await broker.head(channel)).position
    publications = await broker.history(Position(head.epoch, 0), head, channel, 10_000)
    return [json.loads(publication.payload) for publication in publications]


async def history_at(url: str, channel: str = "downloads") -> list[dict[str, object]]:
    """As `history`, of a server that only its URL names."""
    broker = Broker.connect(url)
    try:
        return await history(broker, channel)
    finally:
        await broker.aclose()


async def orphan_hosts(jobs: Jobs) -> list[str]:
    """Return the hosts whose workers left files in the channel of the jobs."""
    return list((await DownloadChannels(jobs._servers).orphan_hosts()).get(jobs.channel, ()))


async def claim_job(jobs: Jobs, worker: str = "w1", lease_s: float = 30) -> Lease:
    """Claim a job, which must be there."""
    lease = await jobs.claim(worker, lease_s)
    assert lease is not None
    return lease
