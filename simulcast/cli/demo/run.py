"""`simulcast demo`: publishes simulated downloads in real time, without network or worker."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import typer

from simulcast.broker import Broker
from simulcast.cli.demo.timeline import TimedEvent, make_timeline
from simulcast.cli.publish import check_channel
from simulcast.cli.redis import broker_at
from simulcast.model.events import END_TYPES, STATE_TYPES, JsonObject

BATCH_SIZE = 256  # publications that share a round trip
BATCH_S = 0.01  # events due within this time share a batch
DRAIN_TIMEOUT_S = 5.0


async def demo(url: str, channel: str, downloads: int, seconds: float) -> None:
    """Publish `downloads` simulated downloads for `seconds`. Raises CommandError."""
    check_channel(channel)
    async with broker_at(url) as broker:
        typer.echo(f"{downloads} simulated downloads for {seconds:g} s: see them with `simulcast watch` or on the page")
        player = Demo(broker, channel, asyncio.get_running_loop().time)
        try:
            await player.play(make_timeline(downloads, seconds, random.Random()))  # noqa: S311
        except asyncio.CancelledError:
            typer.echo(f"stopped: {player}")
            raise
        typer.echo(player)


@dataclass
class Demo:
    """Publishes timed events to a channel; when cancelled, it ends each download that it started."""

    broker: Broker
    channel: str
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ended: Counter[str] = field(default_factory=Counter)
    _active: dict[str, JsonObject] = field(default_factory=dict)

    def __str__(self) -> str:
        counts = [f"{count} {kind.removeprefix('download_')}" for kind, count in sorted(self.ended.items())]
        return ", ".join(counts) or "none ended"

    async def play(self, events: Iterable[TimedEvent]) -> None:
        """Publish each event when it is due. Raises BrokerUnavailable.

        On cancellation it publishes download_cancelled for each unfinished download.
        """
        began = self.now()
        batch: list[TimedEvent] = []
        try:
            for timed in events:
                if batch and (len(batch) == BATCH_SIZE or timed.at_s > batch[0].at_s + BATCH_S):
                    await self._publish([due.event for due in batch])
                    batch = []
                while (early_s := began + timed.at_s - self.now()) > 0:
                    await self.sleep(early_s)
                batch.append(timed)
            await self._publish([due.event for due in batch])
        except asyncio.CancelledError:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await self._publish([_cancelled(event) for event in self._active.values()])
            raise

    async def _publish(self, events: list[JsonObject]) -> None:
        publishing = asyncio.gather(*(self.broker.publish(event, self.channel) for event in events))
        try:
            await asyncio.shield(publishing)
        except asyncio.CancelledError:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await publishing  # clients may have received some of them already
            self._note(events)
            raise
        self._note(events)

    def _note(self, events: list[JsonObject]) -> None:
        for event in events:
            kind, download_id = str(event["type"]), str(event["download_id"])
            if kind in STATE_TYPES:
                self._active[download_id] = event
            elif kind in END_TYPES:
                self._active.pop(download_id, None)
                self.ended[kind] += 1


def _cancelled(event: JsonObject) -> JsonObject:
    return {**event, "type": "download_cancelled", "change": 3, "speed": 0}
