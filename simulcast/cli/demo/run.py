"""`simulcast demo`: publishes simulated downloads in time, without network or worker."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

import typer

from simulcast.broker import Broker
from simulcast.cli.demo.timeline import TimedEvent, timeline
from simulcast.cli.publish import checked_channel
from simulcast.cli.redis import broker_at
from simulcast.model.events import END_TYPES, STATE_TYPES, JsonObject

BATCH_SIZE = 256  # publications that share a round trip
DRAIN_TIMEOUT_S = 5.0

Sleep = Callable[[float], Awaitable[None]]


async def demo(url: str, channel: str, downloads: int, seconds: float) -> None:
    """Plays `downloads` for `seconds`. Raises CommandError."""
    checked_channel(channel)
    async with broker_at(url) as broker:
        typer.echo(f"{downloads} simulated downloads for {seconds:g} s: see them with `simulcast watch` or on the page")
        played = Demo(broker, channel, asyncio.get_running_loop().time)
        try:
            await played.play(timeline(downloads, seconds, random.Random()))  # noqa: S311
        except asyncio.CancelledError:
            typer.echo(f"stopped: {played}")
            raise
        typer.echo(played)


class Demo:
    """Plays moments onto a channel, and ends what it began, whatever happens in between."""

    def __init__(self, broker: Broker, channel: str, now: Callable[[], float], sleep: Sleep = asyncio.sleep) -> None:
        self._broker = broker
        self._channel = channel
        self._now = now
        self._sleep = sleep
        self._active: dict[str, JsonObject] = {}
        self.ended: Counter[str] = Counter()

    def __str__(self) -> str:
        ended = [f"{count} {kind.removeprefix('download_')}" for kind, count in sorted(self.ended.items())]
        return ", ".join(ended) or "none ended"

    async def play(self, moments: Iterable[TimedEvent]) -> None:
        """Raises BrokerUnavailable. Cancelled, it tells of each unfinished download that it is cancelled."""
        began = self._now()
        due: list[TimedEvent] = []
        try:
            for moment in moments:
                if due and (len(due) == BATCH_SIZE or moment.at_s > due[0].at_s + 0.01):
                    await self._publish([each.event for each in due])
                    due = []
                while (early_s := began + moment.at_s - self._now()) > 0:
                    await self._sleep(early_s)
                due.append(moment)
            await self._publish([each.event for each in due])
        except asyncio.CancelledError:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await self._publish([_cancelled(event) for event in self._active.values()])
            raise

    async def _publish(self, events: list[JsonObject]) -> None:
        publishing = asyncio.gather(*(self._broker.publish(event, self._channel) for event in events))
        try:
            await asyncio.shield(publishing)
        except asyncio.CancelledError:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await publishing  # what is under way counts: it may have been told
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
