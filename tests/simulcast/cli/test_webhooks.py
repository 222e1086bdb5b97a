"""`simulcast webhooks` lists what waits, tests an address by a worker, and lets ends be told again."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from simulcast.broker import Broker
from simulcast.cli import webhooks as command
from simulcast.store.factory import topology_from_url
from simulcast.webhooks import Webhooks
from tests.command_line import Command, assert_complaint
from tests.valkey import Valkey

A = "https://user:secret@a.example/ends"


@pytest.fixture
async def leased(valkey: Valkey, channel: str) -> AsyncIterator[Webhooks]:
    """Two ends of one key, which wait."""
    async with aclosing(Broker.connect(valkey.url)) as broker, aclosing(topology_from_url(valkey.url)) as servers:
        for n in range(2):
            await broker.publish({"type": "render", "n": n}, channel, key="film", ends=True)
        yield Webhooks(servers, [A])


async def test_what_waits_is_listed_with_the_reason_and_without_a_password(
    simulcast: Command, valkey: Valkey, channel: str, leased: Webhooks
) -> None:
    assert simulcast("webhooks", "--channel", channel, REDIS_URL=valkey.url).stdout == ""
    (delivery,) = (await leased.take(channel, 9, {})).deliveries
    await leased.retry(delivery, 3000, 60, "the server answered 500")
    shown = simulcast("webhooks", "--channel", channel, REDIS_URL=valkey.url).stdout
    assert "a.example/ends  2 waiting, 1 failing: the server answered 500" in shown
    assert "secret" not in shown
    line = json.loads(simulcast("webhooks", "--channel", channel, "--json", REDIS_URL=valkey.url).stdout)
    assert (line["waiting"], line["failing"], line["is_callback"]) == (2, 1, False)


async def test_what_failed_is_due_after_retry(
    simulcast: Command, valkey: Valkey, channel: str, leased: Webhooks
) -> None:
    (delivery,) = (await leased.take(channel, 9, {})).deliveries
    await leased.retry(delivery, 3000, 60, "no")
    assert (await leased.take(channel, 9, {})).deliveries == []
    assert simulcast("webhooks", "--channel", channel, "--retry", REDIS_URL=valkey.url).stdout == "retried 1\n"
    assert len((await leased.take(channel, 9, {})).deliveries) == 1


async def test_an_end_is_told_again_with_the_id_that_it_had(
    simulcast: Command, valkey: Valkey, channel: str, leased: Webhooks
) -> None:
    ids = []
    for _ in range(2):
        (delivery,) = (await leased.take(channel, 9, {})).deliveries
        await leased.settle(delivery, is_delivered=True)
        ids.append(delivery.message_id)
    done = simulcast("webhooks", "--channel", channel, "--replay", "film", REDIS_URL=valkey.url)
    assert done.stdout == "replayed film\n"
    (delivery,) = (await leased.take(channel, 9, {})).deliveries
    assert delivery.message_id == ids[1] != ids[0]
    refused = simulcast("webhooks", "--channel", channel, "--replay", "nothing", REDIS_URL=valkey.url)
    assert "no end of 'nothing'" in assert_complaint(refused)


def test_a_test_without_a_worker_says_so_and_leaves_nothing(
    simulcast: Command, valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "TEST_TIMEOUT_S", 0.5)
    done = simulcast("webhooks", "--channel", channel, "--test", "https://a.example/", REDIS_URL=valkey.url)
    assert "does one run?" in assert_complaint(done)
    assert simulcast("webhooks", "--channel", channel, REDIS_URL=valkey.url).stdout == ""


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--test", "ftp://a.example/"), "must begin with http"),
        (("--retry", "--replay", "x"), "one of --test, --retry and --replay"),
        (("--channel", "a b"), "a channel has"),
    ],
)
def test_what_makes_no_sense_is_named(
    simulcast: Command, valkey: Valkey, options: tuple[str, ...], reason: str
) -> None:
    assert reason in assert_complaint(simulcast("webhooks", *options, REDIS_URL=valkey.url))
