"""The master that the Sentinels name (https://valkey.io/topics/sentinel-clients/)."""

import asyncio
import logging

import redis

from simulcast.cancellation import cancel_and_wait
from simulcast.store.topology import DISCOVERY_TIMEOUT_S, DiscoveredTopology
from simulcast.store.url import Server

_log = logging.getLogger("simulcast.topology")


class Sentinel(DiscoveredTopology):
    """One server at a time: the master of the newest configuration that a majority of Sentinels knows.

    So a Sentinel that was cut off together with the old master can't name that one any more. Configurations older than
    the newest one that this process has seen hold only where every Sentinel answers, and all have older ones: they were
    set up again.
    """

    _master: Server | None = None
    _config_epoch = -1

    async def _discover(self) -> None:
        members = self._address.members
        queries = [asyncio.create_task(self._query(member)) for member in members]
        replies: list[tuple[int, Server]] = []
        errors: list[str] = []
        try:
            for query in asyncio.as_completed(queries, timeout=DISCOVERY_TIMEOUT_S):
                try:
                    config_epoch, master, replica_count = await query
                    replies.append((config_epoch, master))
                    self.is_replicated = self.is_replicated or replica_count > 0
                except (redis.RedisError, OSError) as error:
                    errors.append(str(error) or f"no answer within {DISCOVERY_TIMEOUT_S:g} s")
                if len(replies) > len(members) // 2 and max(replies)[0] >= self._config_epoch:
                    break
        finally:
            await cancel_and_wait(queries)
            await asyncio.gather(*queries, return_exceptions=True)  # errors of the others don't matter
        if not replies:
            raise redis.ConnectionError("; ".join(errors))
        config_epoch, master = max(replies)
        if config_epoch < self._config_epoch and len(replies) < len(members):
            return
        self._config_epoch = config_epoch
        if master != self._master:
            _log.info("%s is %s:%d now", self._address.master, *master)
        self._master = master

    async def _query(self, member: Server) -> tuple[int, Server, int]:
        """Return the epoch of a Sentinel's configuration, its master, and the number of replicas that it knows."""
        try:
            reply = await self._discovery_client(member).execute_command("SENTINEL MASTER", self._address.master)
        except redis.ResponseError as error:
            if "No such master" in str(error):
                raise redis.ResponseError(f"a Sentinel knows no master {self._address.master!r}") from error
            raise
        return reply["config-epoch"], (reply["ip"], reply["port"]), reply["num-slaves"]

    def _server_for(self, channel: str) -> Server | None:
        return self._master

    def _data_servers(self) -> set[Server]:
        return set() if self._master is None else {self._master}

    def _discovery_nodes(self) -> tuple[Server, ...]:
        return self._address.members

    def _discovery_url(self, member: Server) -> str:
        return self._address.sentinel_url_for(member)
