"""Asks the channels of a worker for jobs: each server by itself, so that one that is away holds up its own channels."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Self

import redis

from simulcast.errors import BrokerUnavailable
from simulcast.store.topology import Topology
from workers.channels import WorkChannels
from workers.transfer.downloader import Downloader

_log = logging.getLogger("simulcast.worker")


class Claims:
    """`claim` gets the downloader of a channel, and returns whether it claimed a job of it; None while it has no place.

    `is_over`: True once nothing is to be claimed any more. `wake` is called when there is more to ask. As a context
    manager it waits for the claims that are under way.
    """

    def __init__(
        self,
        channels: WorkChannels,
        servers: Topology,
        claim: Callable[[Downloader], Awaitable[bool | None]],
        is_over: Callable[[], bool],
        wake: Callable[[], None],
    ) -> None:
        self._channels = channels
        self._servers = servers
        self._claim = claim
        self._is_over = is_over
        self._wake = wake
        self._asking: dict[object, asyncio.Task[None]] = {}  # by server
        self._more: set[object] = set()  # of those that are being asked, the ones to be asked again

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = list(self._asking.values())
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def ask(self, group: asyncio.TaskGroup) -> None:
        """Ask the channels that are due; of several servers, begin to ask those that are not being asked."""
        if not self._servers.is_sharded:
            await self._ask(deque(self._channels.due()))
            return
        due: dict[object, deque[str]] = {}
        for channel in self._channels.due():
            try:
                server: object = await self._servers.client_for(channel)
            except (redis.RedisError, OSError):
                server = None
            due.setdefault(server, deque()).append(channel)
        for server, turns in due.items():
            if server in self._asking:
                self._more.add(server)
                continue
            self._asking[server] = task = group.create_task(self._ask(turns), name="ask for jobs")
            task.add_done_callback(partial(self._end, server))

    def _end(self, server: object, _: asyncio.Task[None]) -> None:
        del self._asking[server]
        if server in self._more:
            self._more.discard(server)
            self._wake()

    async def _ask(self, turns: deque[str]) -> None:
        """Claim one job of each channel in turn, while there are places and jobs."""
        while turns and not self._is_over():
            channel = turns.popleft()
            try:
                if await self._claim(self._channels.downloader(channel)):
                    turns.append(channel)
            except BrokerUnavailable as error:
                _log.warning("no jobs: %s", error)
                self._channels.begin_turn(channel)
                return  # the server may be away, and another call would take as long to find that out
            except Exception:
                _log.exception("no jobs")
                self._channels.begin_turn(channel)
