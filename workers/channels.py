"""The channels of a worker: which may have work, whose turn it is, and the downloader of each."""

import logging
from collections import OrderedDict
from collections.abc import Collection
from itertools import islice

from simulcast.download_channels import DownloadChannels
from simulcast.model.channel_patterns import ChannelPatterns
from simulcast.store.topology import Topology
from workers.transfer.downloader import Downloader

MAX_CHANNELS = 10_000  # that may have work; others are taken in as these end theirs
MAX_TURNS = 100  # channels that are asked in one round, besides those that were woken

_log = logging.getLogger("simulcast.worker")


class WorkChannels:
    """The channels that `patterns` cover. Those that are named may always have work, others once woken or found.

    They take turns: the one that was asked for work longest ago is the next. `root`: the downloader of `downloads`.
    Does not own `servers`.
    """

    def __init__(self, patterns: ChannelPatterns, root: Downloader, servers: Topology) -> None:
        self.patterns = patterns
        self._finder = DownloadChannels(servers)
        self._root = root
        self._turns = OrderedDict((name, root.in_channel(name)) for name in patterns.names)  # the next one first
        self._woken: dict[str, None] = {}
        self._seen: set[str] = set()  # woken since the search that is under way began

    def downloader(self, channel: str) -> Downloader:
        """Return the downloader of a channel; each call makes another one for a channel without work."""
        return self._turns.get(channel) or self._root.in_channel(channel)

    def wake(self, channel: str) -> bool:
        """Note that a channel has work, and return whether it is one of those that are served."""
        if not self.patterns.covers(channel) or not self._add(channel):
            return False
        self._woken[channel] = None
        self._seen.add(channel)
        return True

    def due(self) -> list[str]:
        """Return the channels that are to be asked now, those that were asked longest ago first."""
        due = dict.fromkeys(islice(self._turns, MAX_TURNS))
        return list(due | self._woken)

    def begin_turn(self, channel: str) -> None:
        """Note that a channel is being asked: all others come before it."""
        self._woken.pop(channel, None)
        if channel in self._turns:
            self._turns.move_to_end(channel)

    async def search(self, busy: Collection[str]) -> None:
        """Take in all channels with work, and drop those without, but for `busy` ones. Raises BrokerUnavailable."""
        self._seen.clear()
        found = await self._finder.with_work()
        kept = {*self.patterns.names, *self._seen, *self._woken, *found, *busy}
        for channel in self._turns.keys() - kept:
            del self._turns[channel]
        left_out = [channel for channel in found if self.patterns.covers(channel) and not self._add(channel)]
        if left_out:
            _log.warning("%d channels with downloads wait: more than %d have some", len(left_out), MAX_CHANNELS)

    async def remove_strays(self) -> None:
        """Remove files that no download owns any more, of channels without work too.

        A folder that can't be read keeps its own files alone. Raises BrokerUnavailable; OSError for the root folder.
        """
        hosts = await self._finder.orphan_hosts()
        for channel in dict.fromkeys([*self.patterns.names, *await self._root.stored_channels(), *hosts]):
            if not self.patterns.covers(channel):
                continue
            try:
                await self.downloader(channel).remove_strays(hosts.get(channel, ()))
            except OSError as error:
                _log.warning("part files of channel %s not looked at: %s", channel, error.strerror)

    def _add(self, channel: str) -> bool:
        if channel not in self._turns:
            if len(self._turns) >= MAX_CHANNELS:
                return False
            self._turns[channel] = self._root.in_channel(channel)
            self._turns.move_to_end(channel, last=False)
        return True
