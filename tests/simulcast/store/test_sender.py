"""Publishing in order, and while Redis is away."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest
import redis
import redis.asyncio

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.model.channel import ChannelNames
from simulcast.model.events import complete_event, progress_event
from simulcast.model.position import Position
from simulcast.store import sender as sender_module
from simulcast.store.call import Call
from simulcast.sync import SyncPublisher
from tests.conditions import until
from tests.service import ROOT
from tests.valkey import Valkey


async def stored(broker: Broker) -> list[dict[str, object]]:
    head = (await broker.head()).position
    rows = await broker.history(Position(head.epoch, 0), head, limit=5000)
    return [json.loads(row.payload) for row in rows]


async def test_what_was_published_while_redis_was_away_arrives_with_progress_conflated(own_valkey: Valkey) -> None:
    broker = Broker.connect(own_valkey.url)
    await broker.publish({"n": 0})
    own_valkey.kill()
    first = asyncio.create_task(broker.publish({"n": 1}))
    while not broker.sender()._failures:
        await asyncio.sleep(0.01)
    waiting = [asyncio.create_task(broker.publish(progress_event("a", n / 100, n))) for n in range(100)]
    waiting += [asyncio.create_task(broker.publish(complete_event("b", "/b")))]
    await asyncio.sleep(0)
    own_valkey.start()
    async with asyncio.timeout(20):
        positions = await asyncio.gather(first, *waiting)
    events = await stored(broker)
    assert [event.get("n", event.get("type")) for event in events] == [1, "download_progress", "download_complete"]
    assert events[1]["progress"] == 0.99
    assert len(set(positions)) == 3
    await broker.aclose()


class CountingKey(str):
    """A key that counts how often one is compared with another one."""

    comparisons = 0

    def __eq__(self, other: object) -> bool:
        CountingKey.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


async def test_a_publication_while_redis_is_away_does_not_search_all_that_wait(own_valkey: Valkey) -> None:
    broker = Broker.connect(own_valkey.url)
    await broker.publish({"n": 0})
    own_valkey.kill()
    sender = broker.sender()
    first = asyncio.create_task(broker.publish({"n": 1}))
    await until(lambda: sender._failures, "a failure")
    keys = [CountingKey(f"key-{n}") for n in range(5000)]
    calls = [
        asyncio.create_task(sender.execute("publish", ("PING",), timeout_s=30, key=key, supersedable=True))
        for key in (*keys, *keys[:1000])
    ]
    await asyncio.sleep(0)
    assert len(sender._waiting) <= 5001
    assert CountingKey.comparisons < 20 * len(calls)
    own_valkey.start()
    async with asyncio.timeout(30):
        assert set(await asyncio.gather(*calls)) == {True}
        await first
    await broker.aclose()


def lose_the_next_reply(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent next is carried out, and nobody is told."""
    sender = broker.sender()
    exchange = sender._exchange

    async def exchange_and_lose(client: redis.asyncio.Redis, batch: list[Call]) -> tuple[list[object], bool]:
        await exchange(client, batch)
        monkeypatch.setattr(sender, "_exchange", exchange)
        raise redis.TimeoutError("the reply was lost")

    monkeypatch.setattr(sender, "_exchange", exchange_and_lose)


async def test_a_state_whose_reply_was_lost_is_published_once(
    own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker.connect(own_valkey.url)
    await broker.publish({"n": 0})
    lose_the_next_reply(broker, monkeypatch)
    position = await broker.publish(complete_event("a", "/a"))
    assert [event.get("type") for event in await stored(broker)] == [None, "download_complete"]
    assert position is not None and position.offset == 2
    await broker.aclose()


async def test_progress_whose_reply_was_lost_is_not_told_again_behind_the_end_of_its_download(
    own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker.connect(own_valkey.url)
    await broker.publish({"n": 0})
    lose_the_next_reply(broker, monkeypatch)
    events = [progress_event("a", 0.5, 1), progress_event("b", 0.5, 1), complete_event("a", "/a")]
    positions = await asyncio.gather(*(broker.publish(event) for event in events))
    told = [(event["type"], event["download_id"]) for event in (await stored(broker))[1:]]
    assert told[:3] == [("download_progress", "a"), ("download_progress", "b"), ("download_complete", "a")]
    assert told[3:] == [("download_progress", "b")]  # the newest of its download: told twice does no harm
    assert positions[0] == positions[2]
    await broker.aclose()


@pytest.mark.parametrize(("bound", "most"), [("MAX_WAITING", 3), ("MAX_WAITING_BYTES", 3000)])
async def test_patience_number_and_size_have_an_end_that_says_so(
    bound: str, most: int, own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, bound, most)
    broker = Broker.connect(own_valkey.url)
    own_valkey.signal(signal.SIGSTOP)
    waiting = [asyncio.create_task(broker.sender().execute("ask", ("PING",))) for _ in range(3)]
    await asyncio.sleep(0)
    extra = [asyncio.create_task(broker.publish({"n": n, "text": 1000 * "x"})) for n in range(4)]
    refused = await asyncio.gather(*extra[3:], return_exceptions=True)
    assert "3 calls already wait" in str(refused[0])
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(answer, BrokerUnavailable) for answer in answers)
    own_valkey.signal(signal.SIGCONT)
    async with asyncio.timeout(20):
        assert None not in await asyncio.gather(*extra[:3])
    await broker.aclose()


async def test_a_publisher_that_was_idle_for_long_has_no_connection_and_publishes_again(
    own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "IDLE_S", 0.05)
    broker = Broker.connect(own_valkey.url)
    await broker.publish({"n": 0})
    idle = broker.sender()
    with own_valkey.admin() as client:
        await until(lambda: idle.closed and len(client.client_list()) == 1, "a publisher without a connection")
    await broker.publish({"n": 1})
    assert [event["n"] for event in await stored(broker)] == [0, 1]
    await broker.aclose()


async def test_a_script_publishes_through_a_restart_of_redis(own_valkey: Valkey) -> None:
    publisher = SyncPublisher(own_valkey.url)
    publisher.publish({"n": 0})
    own_valkey.kill()
    publishing = asyncio.create_task(asyncio.to_thread(publisher.publish, complete_event("a", "/a")))
    own_valkey.start()
    async with asyncio.timeout(20):
        assert await publishing is not None
    publisher.close()


def test_a_child_of_a_process_that_published_publishes_too(own_valkey: Valkey) -> None:
    script = """
import os, warnings
from simulcast.sync import broadcast_message
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of a fork beside threads
broadcast_message({"n": 1})
child = os.fork()
broadcast_message({"n": 2})
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    environment = {**os.environ, "REDIS_URL": own_valkey.url, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with own_valkey.admin() as client:
        assert client.xlen(ChannelNames().history) == 3
