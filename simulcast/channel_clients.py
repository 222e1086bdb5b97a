"""Clients of each channel, over all front-ends, as these report them every few seconds."""

from collections import Counter

from simulcast.model.processes import ChannelCounts
from simulcast.process_registry import ProcessRegistry


async def count_clients(registry: ProcessRegistry) -> ChannelCounts:
    """Return the present counts; of several channels, a client counts in each. Raises BrokerUnavailable."""
    front_ends = (await registry.processes()).front_ends
    by_channel = Counter[str]()
    for record in front_ends:
        by_channel.update(record.clients_by_channel)
    complete = all(record.channels_with_clients == len(record.clients_by_channel) for record in front_ends)
    return ChannelCounts.of(by_channel, complete=complete)
