"""Ends that are told to addresses: in Redis until they are delivered, each leased to one worker at a time."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import cast

from simulcast.model.publication import Publication, from_entry, with_channel, with_event_id
from simulcast.store import functions
from simulcast.store.functions import Argument, Function
from simulcast.store.topology import Topology

CALLBACKS = ""  # in the place of an address: all callbacks together
SCRIPT = "script:"  # likewise: the operator's script, as in lua/webhooks.lua


@dataclass(frozen=True, slots=True)
class Delivery:
    """An end, for one address. `is_callback`: of a download or a job, which named the address.

    `lane`: what all ends of its key for that address have in common. `payee`: whose deliveries are counted together,
    the address, or the server of a callback. `tries`: of this delivery, that failed; `failures`: of the address, in a
    row. `age_s`: how long it has waited.
    """

    channel: str
    lane: str
    address: str = field(repr=False)  # which may hold secrets
    payee: str
    is_callback: bool
    publication: Publication
    tries: int
    failures: int
    age_s: float

    @property
    def message_id(self) -> str:
        """An id that every repetition has: of the change of state, also where a server that took over got it again."""
        publication = self.publication
        is_numbered = publication.label[-1].isdecimal()  # by the service, and not by a publisher
        change = publication.label if is_numbered else publication.dedup_id or str(publication.position)
        text = f"{self.channel}\n{publication.key}\n{change}"
        return f"msg_{hashlib.sha256(text.encode()).hexdigest()[:32]}"

    @property
    def body(self) -> bytes:
        """The event as clients of several channels get it."""
        publication = self.publication
        return with_channel(self.channel, with_event_id(publication.position, publication.payload))


@dataclass(frozen=True, slots=True)
class Taken:
    """`dropped`: ends for which too many deliveries waited. `next_s`: when to ask again; None if nothing waits."""

    deliveries: list[Delivery]
    dropped: int
    next_s: float | None


class Webhooks:
    """The deliveries of all channels. Does not own `servers`. Every method raises BrokerUnavailable."""

    def __init__(self, servers: Topology, addresses: Collection[str]) -> None:
        """`addresses` are told of every end."""
        self._servers = servers
        self._addresses = "\n".join(addresses)

    async def take(self, channel: str, limit: int, sending: Mapping[str, int]) -> Taken:
        """Lease deliveries that are due, at most `limit`; those that nobody settles are due again.

        `sending`: how many the caller is sending, by payee, and of all CALLBACKS.
        """
        pairs = [part for address in sending.items() for part in address]
        reply = await self._call("take_deliveries", channel, [limit, self._addresses, *pairs])
        dropped, next_ms, *leased = cast(list[bytes | list[bytes]], reply)
        deliveries = [_parse(channel, cast(list[bytes], delivery)) for delivery in leased]
        return Taken(deliveries, int(cast(bytes, dropped)), int(cast(bytes, next_ms)) / 1000 if next_ms else None)

    async def settle(self, delivery: Delivery, *, is_delivered: bool) -> None:
        """End a delivery: it succeeded, or is given up. One that another worker has settled changes nothing."""
        await self._settle(delivery, int(is_delivered), "", "", "")

    async def retry(self, delivery: Delivery, delay_s: float, pause_s: float, reason: str) -> None:
        """Let a delivery be sent again after `delay_s`, and nothing to its address before `pause_s`."""
        await self._settle(delivery, 0, round(delay_s * 1000), round(pause_s * 1000), reason)

    async def _settle(self, delivery: Delivery, *outcome: Argument) -> None:
        args = [delivery.lane, str(delivery.publication.position), *outcome]
        await self._call("settle_delivery", delivery.channel, args)

    async def _call(self, function: Function, channel: str, args: list[Argument]) -> object:
        names = self._servers.names(channel)
        async with self._servers.client_at(channel, "read the webhooks") as client:
            return await functions.call(client, function, names.stream_keys, [names.pubsub, *args])


def _parse(channel: str, reply: list[bytes]) -> Delivery:
    lane, payee, text, tries, failures, age_ms = reply
    head, _, entry = text.partition(b"\n")
    _, kind, address = head.decode().split(" ", 2)
    is_callback = kind == "callback"
    publication = from_entry(entry)
    return Delivery(
        *(channel, lane.decode(), address, payee.decode(), is_callback, publication),
        *(int(tries), int(failures), int(age_ms) / 1000),
    )
