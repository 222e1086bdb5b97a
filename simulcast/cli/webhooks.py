"""`simulcast webhooks`: the addresses for which ends wait, a test of one, and another try."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulcast.cli.commands import Data, Json, RedisUrl, command
from simulcast.errors import CommandError
from simulcast.model.channel import DEFAULT_CHANNEL

if TYPE_CHECKING:
    from simulcast.webhook_queue import Waiting, WebhookQueue

TEST_TIMEOUT_S = 30.0
POLL_S = 0.2


@command(
    "simulcast webhooks",
    "simulcast webhooks --test https://example.com/ends",
    "simulcast webhooks --replay 12345",
)
def webhooks(
    test: Annotated[str, typer.Option(metavar="URL", help="Let a worker send a test event there.")] = "",
    retry: Annotated[bool, typer.Option("--retry", help="Send all that failed now.")] = False,
    replay: Annotated[str, typer.Option(metavar="ID", help="Send the newest end of a download or job again.")] = "",
    channel: Annotated[str, typer.Option(metavar="CHANNEL", help="The channel of the ends.")] = DEFAULT_CHANNEL,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
    as_json: Json = False,
) -> None:
    """List the addresses for which ends wait, and why."""
    from simulcast.cli import redis

    if bool(test) + retry + bool(replay) > 1:
        raise CommandError("give one of --test, --retry and --replay")
    url = redis.redis_url(redis_url, data)
    if test:
        lines: Iterable[dict[str, object]] = [asyncio.run(_test(url, channel, test))]
    elif retry or replay:
        lines = [asyncio.run(_send_again(url, channel, replay))]
    else:
        lines = asyncio.run(_list(url, channel))
    for line in lines:
        typer.echo(json.dumps(line) if as_json else _describe(line))


@asynccontextmanager
async def _queue(url: str, channel: str) -> "AsyncIterator[WebhookQueue]":
    from simulcast.cli.publish import check_channel
    from simulcast.cli.redis import broker_at
    from simulcast.store.factory import topology_from_url
    from simulcast.webhook_queue import WebhookQueue

    check_channel(channel)
    async with broker_at(url) as broker, aclosing(topology_from_url(url, max_connections=1)) as servers:
        yield WebhookQueue(servers, broker, channel)


async def _list(url: str, channel: str) -> list[dict[str, object]]:
    async with _queue(url, channel) as queue:
        waiting = await queue.waiting()
    addresses: dict[tuple[str, bool], list[Waiting]] = {}
    for lane in waiting:
        addresses.setdefault((lane.address, lane.is_callback), []).append(lane)
    return [_summary(*address, lanes) for address, lanes in addresses.items()]


def _summary(address: str, is_callback: bool, lanes: "list[Waiting]") -> dict[str, object]:
    from simulcast.store.url import without_user_info

    reasons = [lane.reason for lane in lanes if lane.failures]
    return {
        "address": without_user_info(address.partition("?")[0]),
        "is_callback": is_callback,
        "waiting": sum(lane.count for lane in lanes),
        "failing": len(reasons),
        "reason": reasons[0] if reasons else "",
    }


async def _send_again(url: str, channel: str, key: str) -> dict[str, object]:
    async with _queue(url, channel) as queue:
        if not key:
            return {"retried": await queue.retry()}
        if not await queue.replay(key):
            raise CommandError(f"the history has no end of {key[:100]!r}")
    return {"replayed": key}


async def _test(url: str, channel: str, address: str) -> dict[str, object]:
    """Raise CommandError, with the reason, if the address is not told."""
    from simulcast.model.download_url import validate_callback

    try:
        validate_callback(address)
    except ValueError as error:
        raise CommandError(f"--test: the address {error}") from error
    async with _queue(url, channel) as queue:
        key = await queue.test(address)
        for _ in range(round(TEST_TIMEOUT_S / POLL_S)):
            lane = next((lane for lane in await queue.waiting() if lane.key == key), None)
            if lane is None:
                return {"told": key}
            if lane.failures:
                break
            await asyncio.sleep(POLL_S)
        if lane is not None:
            await queue.drop(lane)
            if lane.failures:
                raise CommandError(f"it was not told: {lane.reason}")
    raise CommandError(f"no worker of the channel {channel} sent it within {TEST_TIMEOUT_S:g} s: does one run?")


def _describe(line: dict[str, object]) -> str:
    from simulcast.cli.watch.job_table import clean

    if "address" not in line:
        return "  ".join(f"{name} {clean(str(value))}" for name, value in line.items())
    failing = f", {line['failing']} failing: {line['reason']}" if line["failing"] else ""
    note = " (callback)" if line["is_callback"] else ""
    return f"{clean(str(line['address']))}{note}  {line['waiting']} waiting{clean(failing)}"
