"""Clients of each channel, over all front-ends, as these report them every few seconds."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from simulcast.process_registry import ProcessRegistry


@dataclass(frozen=True, slots=True)
class ClientCounts:
    """Number of clients by channel; of several channels, a client counts in each.

    `complete`: False where a front-end has more channels than it reports; then those with few clients may be missing.
    """

    by_channel: Mapping[str, int]
    complete: bool


class ChannelClients:
    """One reading of the registry runs at a time; requests that come meanwhile share the next one."""

    def __init__(self, registry: ProcessRegistry) -> None:
        self._registry = registry
        self._next: asyncio.Task[ClientCounts] | None = None
        self._turn = asyncio.Lock()

    async def counts(self) -> ClientCounts:
        """Return the present counts. Raises BrokerUnavailable."""
        if self._next is None:
            self._next = asyncio.create_task(self._read(), name="read the clients of channels")
        return await asyncio.shield(self._next)

    async def _read(self) -> ClientCounts:
        async with self._turn:
            self._next = None
            front_ends = (await self._registry.processes()).front_ends
        by_channel = Counter[str]()
        for record in front_ends:
            by_channel.update(record.clients_by_channel)
        complete = all(record.channels_with_clients == len(record.clients_by_channel) for record in front_ends)
        return ClientCounts(by_channel, complete)
