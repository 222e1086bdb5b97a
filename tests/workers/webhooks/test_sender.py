"""The sender of a worker, with a real Valkey and receivers that fail, hang and go away."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import web

from simulcast.broker import Broker
from simulcast.model.channel_patterns import ChannelPatterns
from simulcast.store.factory import topology_from_url
from simulcast.webhooks import Delivery, Webhooks
from tests.conditions import until
from tests.valkey import Valkey
from tests.webhook_receiver import SECRET, Receiver, receiving, thank
from workers.http.client import Client
from workers.webhooks import post, schedule
from workers.webhooks import sender as sender_module
from workers.webhooks.post import Poster
from workers.webhooks.sender import WebhookSender

KEYS = [base64.b64decode(SECRET.removeprefix("whsec_"))]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten what the tests would wait for."""
    monkeypatch.setattr(schedule, "FIRST_DELAY_S", 0.05)
    monkeypatch.setattr(schedule, "MAX_DELAY_S", 0.1)
    monkeypatch.setattr(schedule, "MAX_PAUSE_S", 0.1)
    monkeypatch.setattr(sender_module, "POLL_S", 0.1)


@asynccontextmanager
async def sending(valkey: Valkey, client: Client, channels: str, *addresses: str) -> AsyncIterator[WebhookSender]:
    """A sender, which ends in order."""
    stop = asyncio.Event()
    async with aclosing(topology_from_url(valkey.url, max_connections=8)) as servers, asyncio.TaskGroup() as group:
        webhooks, patterns = Webhooks(servers, addresses), ChannelPatterns.parse(channels.split(","))
        sender = WebhookSender(servers, webhooks, patterns, Poster(client, KEYS).post)
        group.create_task(sender.run(stop))
        try:
            yield sender
        finally:
            stop.set()


async def end(broker: Broker, channel: str, key: str, n: int = 0) -> None:
    await broker.publish({"type": "render", "key": key, "n": n}, channel, key=key, ends=True)


def of_key(receiver: Receiver, key: str) -> list[object]:
    return [event["n"] for event in receiver.events if event["key"] == key]


@pytest.fixture
async def real_broker(valkey: Valkey) -> AsyncIterator[Broker]:
    async with aclosing(Broker.connect(valkey.url)) as broker:
        yield broker


async def test_ends_of_before_and_of_now_are_told_in_the_order_of_each_key(
    valkey: Valkey, real_broker: Broker, client: Client, channel: str
) -> None:
    async with receiving() as receiver:
        for n in range(5):
            await end(real_broker, channel, "a", n)
        async with sending(valkey, client, channel, receiver.url):
            for n in range(5):
                await end(real_broker, channel, "b", n)
            await until(lambda: len(receiver.got) == 10, "ten ends")
        assert of_key(receiver, "a") == of_key(receiver, "b") == list(range(5))


async def test_a_receiver_that_fails_is_told_again_with_the_same_id_until_it_thanks(
    valkey: Valkey, real_broker: Broker, client: Client, channel: str
) -> None:
    async with receiving() as receiver, sending(valkey, client, channel, receiver.url):

        async def fail_thrice(event: dict[str, object]) -> web.Response:
            return web.Response(status=500 if len(of_key(receiver, "a")) < 4 and event["key"] == "a" else 200)

        receiver.answer = fail_thrice
        await end(real_broker, channel, "a", 1)
        await end(real_broker, channel, "a", 2)
        await until(lambda: of_key(receiver, "a") == [1, 1, 1, 1, 2], "the second end")
        ids = [message_id for message_id, event in receiver.got if event["n"] == 1]
        assert len(set(ids)) == 1


async def test_a_receiver_that_hangs_holds_up_no_other_one(
    valkey: Valkey, real_broker: Broker, client: Client, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "POST_TIMEOUT_S", 0.5)
    forever = asyncio.Event()

    async def hang(_: dict[str, object]) -> web.Response:
        await forever.wait()
        return web.Response()

    async with receiving() as hanging, receiving() as other:
        hanging.answer = hang
        for n in range(300):
            await end(real_broker, channel, f"k{n}")
        async with sending(valkey, client, channel, hanging.url, other.url):
            await until(lambda: len(other.got) == 300, "all ends for the other one")
            assert len(hanging.got) < 300
            hanging.answer = thank
            forever.set()
            await until(lambda: len({event["key"] for event in hanging.events}) == 300, "all ends for both")


async def test_an_end_that_can_not_be_sent_for_an_unknown_reason_is_a_failure_and_holds_up_nothing(
    valkey: Valkey, real_broker: Broker, client: Client, channel: str
) -> None:
    stop, poster, tries = asyncio.Event(), Poster(client, KEYS), list[int]()

    async def deliver(delivery: Delivery) -> None:
        if delivery.publication.key == "odd":
            tries.append(delivery.tries)
            raise RecursionError
        await poster.post(delivery)

    async with receiving() as receiver, aclosing(topology_from_url(valkey.url, max_connections=8)) as servers:
        await end(real_broker, channel, "odd")
        await end(real_broker, channel, "even")
        webhooks, patterns = Webhooks(servers, [receiver.url]), ChannelPatterns.parse([channel])
        running = asyncio.create_task(WebhookSender(servers, webhooks, patterns, deliver).run(stop))
        await until(lambda: tries[:3] == [0, 1, 2], "three tries")
        await until(lambda: of_key(receiver, "even") == [0], "the other end")
        stop.set()
        await running


async def test_a_channel_with_many_ends_holds_up_no_other_one(
    valkey: Valkey, real_broker: Broker, client: Client, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "MAX_SENDING", 1)
    async with receiving() as receiver:
        for n in range(9):
            await end(real_broker, f"{channel}.many", f"k{n}")
        await end(real_broker, f"{channel}.one", "one")
        async with sending(valkey, client, f"{channel}.many,{channel}.one", receiver.url):
            await until(lambda: len(receiver.got) == 10, "all ends")
        assert [event["key"] for event in receiver.events].index("one") <= 2


async def test_a_receiver_that_was_away_gets_what_came_meanwhile(
    valkey: Valkey, real_broker: Broker, client: Client, channel: str
) -> None:
    async with receiving() as first:
        url = first.url
    async with sending(valkey, client, channel, url):
        for n in range(20):
            await end(real_broker, channel, "a", n)
        runner, receiver = web.AppRunner(app := web.Application(), access_log=None), Receiver()
        app.router.add_post("/ends", receiver.receive)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(url.split(":")[2].partition("/")[0])).start()
        await until(lambda: of_key(receiver, "a") == list(range(20)), "all ends in order")
        await runner.cleanup()


async def test_a_channel_that_no_setting_names_is_found_and_forgotten_once_all_is_told(
    valkey: Valkey, real_broker: Broker, client: Client, channel: str
) -> None:
    async with receiving() as receiver:
        await end(real_broker, f"{channel}.found", "a")
        async with sending(valkey, client, f"{channel}.*", receiver.url) as sender:
            await until(lambda: len(receiver.got) == 1, "the end of before")
            await end(real_broker, f"{channel}.woken", "b")
            sender.wake(f"{channel}.woken")
            sender.wake("another")
            await until(lambda: len(receiver.got) == 2, "the end of now")
            await until(lambda: not sender._due, "no channel")
        assert [event["channel"] for event in receiver.events] == [f"{channel}.found", f"{channel}.woken"]


async def test_what_is_under_way_is_ended_in_order(
    valkey: Valkey, real_broker: Broker, client: Client, channel: str
) -> None:
    began, answered = asyncio.Event(), asyncio.Event()

    async def wait(_: dict[str, object]) -> web.Response:
        began.set()
        await answered.wait()
        return web.Response()

    async with receiving() as receiver:
        receiver.answer = wait
        await end(real_broker, channel, "a")
        async with sending(valkey, client, channel, receiver.url):
            await began.wait()
            asyncio.get_running_loop().call_later(0.1, answered.set)
        async with aclosing(topology_from_url(valkey.url)) as servers:
            assert (await Webhooks(servers, []).take(channel, 1, {})).next_s is None


async def test_while_redis_is_away_the_sender_goes_on_and_repeats_what_it_could_not_settle(
    own_valkey: Valkey, own_broker: Broker, client: Client, channel: str
) -> None:
    async with receiving() as receiver, sending(own_valkey, client, channel, receiver.url):
        await end(own_broker, channel, "a")
        await until(lambda: len(receiver.got) == 1, "an end")
        own_valkey.kill()
        await asyncio.to_thread(own_valkey.start)
        await end(own_broker, channel, "b")
        await until(lambda: of_key(receiver, "b") == [0], "an end after the restart")
