"""A publisher of many short downloads, which writes down each call and what became of it.

python -m benchmarks.faults.publish --redis URL --journal FILE [--rate 200] [--progress 3] [--others 0]
"""

import argparse
import asyncio
import json
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import redis
import redis.asyncio

from benchmarks.faults.journal import ENDS, THE_END, Kind, Outcome, Published
from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable

AT_ONCE = 20  # downloads
TICK_S = 0.01
MAX_UNANSWERED_S = 45.0

Event = Mapping[str, object]
Publish = Callable[[Event, str], Awaitable[object]]


@dataclass(frozen=True)
class Load:
    """What is published. `rate`: events a second; `progress`, `others`: how many between a start and an end.

    Others have neither key nor download: nothing may be left out of them.
    """

    rate: float = 200.0
    progress: int = 3
    others: int = 0

    @property
    def downloads_per_s(self) -> float:
        return self.rate / (2 + self.progress + self.others)


def downloads(load: Load) -> Iterator[Event]:
    """Their events, for ever, each with its number: of AT_ONCE that go on at the same time, one is next by chance."""
    chance = random.Random(1)
    under_way: list[Iterator[Event]] = []
    number = begun = 0
    while True:
        while len(under_way) < AT_ONCE:
            under_way.append(_download(f"d{begun}", begun, load))
            begun += 1
        place = chance.randrange(AT_ONCE)
        event = next(under_way[place], None)
        if event is None:
            del under_way[place]
        else:
            yield {**event, "n": number}
            number += 1


def _download(download_id: str, number: int, load: Load) -> Iterator[Event]:
    """Every other one without `attempt` and `change`, as by `notify_download_complete`."""
    about: Event = {"download_id": download_id}
    first: Event = {"attempt": 1, "change": 1} if number % 2 else {}
    last: Event = {"attempt": 1, "change": 2} if number % 2 else {}
    yield {"type": "download_started", **about, **first}
    for step in range(max(load.progress, load.others)):
        if step < load.progress:
            yield {"type": "download_progress", **about, "progress": step / load.progress, "speed": 1000}
        if step < load.others:
            yield {"type": "note", "text": "of no download"}
    if number % 5:
        yield {"type": "download_complete", **about, **last, "file_path": f"/downloads/{download_id}"}
    else:
        yield {"type": "download_error", **about, **last, "error_message": "the disk is full"}


def the_end(number: int) -> Event:
    """The last event of all."""
    return {"type": "download_complete", "download_id": THE_END, "file_path": "/", "n": number}


def _row(event: Event, called_at: float, outcome: Outcome) -> Published:
    key, number = str(event.get("download_id", "")), event["n"]
    assert isinstance(number, int)
    kind: Kind = "state" if key else "other"
    if event["type"] == "download_progress":
        kind = "progress"
    is_end = str(event["type"]).removeprefix("download_") in ENDS
    return Published(str(number), key, kind, is_end, number, called_at, outcome)


async def _fate(publish: Publish, event: Event) -> Outcome:
    try:
        await publish(event, f"fault-{event['n']}" if event["type"] == "note" else "")
    except BrokerUnavailable as error:
        return "refused" if "Redis refused" in str(error) or "Redis is full" in str(error) else "unknown"
    except redis.RedisError as error:  # of the control
        return "refused" if isinstance(error, redis.ResponseError) else "unknown"
    return "acknowledged"


async def run(publish: Publish, journal: Path, load: Load) -> None:
    """Publishes until SIGTERM, then the end; returns when every call has its fate."""
    told_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told_to_end.set)
    waiting: set[asyncio.Task[None]] = set()
    with journal.open("w", buffering=1) as lines:

        async def call(event: Event) -> None:
            called_at = time.monotonic()
            lines.write(_row(event, called_at, await _fate(publish, event)).line())

        def begin(event: Event) -> None:
            task = asyncio.create_task(call(event))
            waiting.add(task)
            task.add_done_callback(waiting.discard)

        began, published = loop.time(), 0
        events = downloads(load)
        while not told_to_end.is_set():
            while published < (loop.time() - began) * load.rate:
                begin(next(events))
                published += 1
            await asyncio.sleep(TICK_S)
        begin(the_end(published))
        async with asyncio.timeout(MAX_UNANSWERED_S):
            while waiting:
                await asyncio.wait(list(waiting))


async def with_broker(url: str, journal: Path, load: Load) -> None:
    """By the broker, as every publisher of ours does."""
    broker = Broker.connect(url)
    try:
        await run(lambda event, once: broker.publish(event, idempotency_key=once), journal, load)
    finally:
        await broker.aclose()


async def with_pubsub(url: str, journal: Path, load: Load) -> None:
    """By PUBLISH, as in a tutorial, though over one connection: a pool would mix up the order by itself."""
    async with redis.asyncio.from_url(url, single_connection_client=True) as client:
        await run(lambda event, _: client.publish("downloads", json.dumps(event)), journal, load)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults.publish", description=__doc__)
    parser.add_argument("--redis", required=True, help="its URL")
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=Load.rate, help="events a second")
    parser.add_argument("--progress", type=int, default=Load.progress, help="progress events a download")
    parser.add_argument("--others", type=int, default=Load.others, help="events of another type, for each download")
    parser.add_argument("--naive", action="store_true", help="by a plain PUBLISH")
    flags = parser.parse_args()
    publishing = with_pubsub if flags.naive else with_broker
    asyncio.run(publishing(flags.redis, flags.journal, Load(flags.rate, flags.progress, flags.others)))


if __name__ == "__main__":
    main()
