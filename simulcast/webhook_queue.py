"""The deliveries that wait, for people: listed, sent again, and tried with an address."""

import json
import secrets
import time
from dataclasses import dataclass
from typing import cast

from simulcast.broker import HISTORY_LENGTH, Broker
from simulcast.model.position import Position
from simulcast.model.publication import Publication
from simulcast.store import functions
from simulcast.store.functions import Argument, Function
from simulcast.store.topology import Topology

MAX_LISTED = 5000  # lanes, by one call


@dataclass(frozen=True, slots=True)
class Waiting:
    """The ends of one key that wait for one address: `count` of them. `id`: of the lane; `position`: of the first end.

    `failures`: of the first of them; `reason`: of the last failure, "" without one. `due_s`: until the next try.
    """

    id: str
    position: str
    address: str
    is_callback: bool
    key: str
    count: int
    failures: int
    reason: str
    due_s: float


class WebhookQueue:
    """The deliveries of one channel. Does not own `servers`. Every method raises BrokerUnavailable."""

    def __init__(self, servers: Topology, broker: Broker, channel: str) -> None:
        """Raises ValueError for an invalid channel."""
        self._servers = servers
        self._broker = broker
        self._names = servers.names(channel)

    async def waiting(self) -> list[Waiting]:
        """Return what waits, at most MAX_LISTED, those that are due first."""
        return [_parse(lane) for lane in cast(list[list[bytes]], await self._call("list_deliveries", [MAX_LISTED]))]

    async def retry(self) -> int:
        """Let all that failed be sent now, and return how many first deliveries that are."""
        return cast(int, await self._call("retry_deliveries", []))

    async def replay(self, key: str) -> bool:
        """Tell all addresses of the newest end of a key again, with its id; False if the history has none."""
        head = (await self._broker.head(self._names.channel)).position
        publications = await self._broker.tail(head, HISTORY_LENGTH, self._names.channel)
        ends = (each for each in reversed(publications) if each.key == key and each.label[0] == "e")
        if (end := next(ends, None)) is None:
            return False
        await self._tell("", end)
        return True

    async def test(self, address: str) -> str:
        """Tell an address of an event that is none, and return the key of it, for `waiting`."""
        key = f"webhook_test:{secrets.token_hex(8)}"
        payload = json.dumps({"type": "webhook_test", "key": key}).encode()
        await self._tell(address, Publication(Position(round(time.time() * 1000), 0), "e:::", key, payload))
        return key

    async def drop(self, waiting: Waiting) -> None:
        """Give up the first delivery of a lane."""
        await self._call("settle_delivery", [waiting.id, waiting.position, 0, "", "", ""])

    async def _tell(self, address: str, end: Publication) -> None:
        label = f"{end.label}#{end.dedup_id}" if end.dedup_id else end.label
        entry = f"{end.position} {label} {end.key}\n".encode() + end.payload
        await self._call("tell_again", [address, label, end.key, entry])

    async def _call(self, function: Function, args: list[Argument]) -> object:
        async with self._servers.client_at(self._names.channel, "read the webhooks") as client:
            return await functions.call(client, function, self._names.stream_keys, [self._names.pubsub, *args])


def _parse(reply: list[bytes]) -> Waiting:
    lane, first, count, failure, due_ms = reply
    head, _, entry = first.decode().partition("\n")
    _, kind, address = head.split(" ", 2)
    position, _, key = entry.split(" ", 2)
    failures, _, reason = failure.decode().partition(" ")
    return Waiting(
        *(lane.decode(), position, address, kind == "callback", key, int(count)),
        *(int(failures or 0), reason, int(due_ms) / 1000),
    )
