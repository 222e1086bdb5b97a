"""Finds, by their keys, the channels that have something for workers to do: nothing else has to list them."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping

from simulcast.model.channel import CHANNEL_PATTERN
from simulcast.store.topology import Topology

_SCAN_COUNT = 1000
_WORK = "[rl]ea[ds]*"  # ready, leases: keys that are there only while they hold something
_ENDS = "[ew][ne]*s"  # ends, webhook_lanes: likewise
_ORPHANS = "orphaned_files:"


class DownloadChannels:
    """Reads all servers, each key once: the cost grows with the number of keys. Does not own `servers`."""

    def __init__(self, servers: Topology) -> None:
        self._servers = servers
        self._prefix = servers.names().prefix
        self._key = re.compile(rf"\{{{re.escape(self._prefix)}({CHANNEL_PATTERN})\}}:(.*)", re.ASCII | re.DOTALL)

    async def with_work(self) -> Collection[str]:
        """Return the channels with downloads that are queued, wait for their next try, or run.

        Raises BrokerUnavailable, also where one of several servers does not answer.
        """
        return {channel for channel, name in await self._find(_WORK) if name in ("ready", "leases")}

    async def with_ends(self) -> Collection[str]:
        """Return the channels with ends that are not told to all addresses yet. Raises as `with_work`."""
        return {channel for channel, name in await self._find(_ENDS) if name in ("ends", "webhook_lanes")}

    async def orphan_hosts(self) -> Mapping[str, Collection[str]]:
        """Return the hosts whose workers left files that no download owns any more, by channel.

        Raises BrokerUnavailable.
        """
        hosts: defaultdict[str, list[str]] = defaultdict(list)
        for channel, name in await self._find(f"{_ORPHANS}*"):
            hosts[channel].append(name.removeprefix(_ORPHANS))
        return hosts

    async def _find(self, ending: str) -> Collection[tuple[str, str]]:
        """Return the channel and the rest of each key that ends so."""
        found: set[tuple[str, str]] = set()
        async with self._servers.translating_errors("look for the channels that have downloads"):
            for client in await self._servers.all_clients():
                async for key in client.scan_iter(f"{{{self._prefix}*}}:{ending}", _SCAN_COUNT):
                    if (match := self._key.fullmatch(key.decode(errors="replace"))) is not None:
                        found.add((match[1], match[2]))
        return found
