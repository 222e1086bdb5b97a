"""Several services on one Redis, and publications on its channels that are none of theirs."""

import json
import re

import pytest
import redis.asyncio

from simulcast.broker import Broker
from simulcast.jobs import Jobs
from tests.conditions import eventually
from tests.jobs import claim_job
from tests.programs import StartFrontEnd
from tests.scraping import start_with_admin
from tests.service import collect
from tests.valkey import Valkey

pytestmark = pytest.mark.long

FORGED = 3000


@pytest.mark.parametrize("suffix", ["1", "0?namespace=shop", "1?namespace=shop"])
async def test_two_services_on_one_redis_share_neither_events_nor_downloads(
    own_valkey: Valkey, front_end: StartFrontEnd, suffix: str
) -> None:
    other_url = own_valkey.url.removesuffix("0") + suffix
    brokers = [Broker.connect(url) for url in (own_valkey.url, other_url)]
    jobs = [Jobs.connect(url, broker) for url, broker in zip((own_valkey.url, other_url), brokers, strict=True)]
    clients = [await (await front_end(redis_url=url)).connect() for url in (own_valkey.url, other_url)]
    for n, broker in enumerate(brokers):
        await broker.publish({"type": "of", "service": n})
    await jobs[1].submit("http://example.com/a", "a")
    assert await jobs[0].claim("h:w", 30) is None
    assert (await claim_job(jobs[1])).record.download_id == "a"
    for n, broker in enumerate(brokers):
        await broker.publish({"type": "last"})
        events = [json.loads(text) for text in await collect(clients[n], '"last"')]
        assert {event["service"] for event in events if event["type"] == "of"} == {n}
        assert any(event["type"] == "download_started" for event in events) == (n == 1)
        await clients[n].close()
        await jobs[n].aclose()
        await broker.aclose()


async def test_publications_of_no_broker_cost_neither_round_trips_nor_lines_of_the_log(
    own_valkey: Valkey, front_end: StartFrontEnd
) -> None:
    admin = await start_with_admin(front_end)
    async with redis.asyncio.from_url(own_valkey.url, protocol=2) as plain:
        before = await calls(plain)
        async with plain.pipeline(transaction=False) as pipe:
            for n in range(FORGED):
                pipe.publish("simulcast:downloads", f'{n:012x} 1790000000000-{n} - \n{{"type":"forged"}}')
                pipe.publish("simulcast:downloads", '{"type":"download_progress","download_id":7}')
            await pipe.execute()

        async def are_refused() -> bool:
            return await admin.value("simulcast_events_refused_total") >= 2 * FORGED

        await eventually(are_refused, "every forged publication is refused")
        assert await calls(plain) - before < FORGED / 10  # the polls and heartbeats of these moments
    assert len(re.findall("rejected", admin.front_end.output())) == 1


async def calls(plain: "redis.asyncio.Redis") -> int:
    """Return how many functions were called."""
    statistics = await plain.info("commandstats")
    return int(statistics.get("cmdstat_fcall", {}).get("calls", 0))
