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

    So a Sentinel that was cut off together with the old master can't name that one any more. Once a configuration is
    known, no other one of its epoch or an older one holds, unless every Sentinel answers, and none knows it any more:
    they were set up again.
    """

    _known: tuple[int, Server | None] = -1, None  # the epoch of the newest configuration, and its master

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
                except Exception as error:  # of one that is being set up again, an answer may make no sense
                    errors.append(str(error) or f"no answer within {DISCOVERY_TIMEOUT_S:g} s")
                if len(replies) > len(members) // 2 and self._is_certain(replies):
                    break
        finally:
            await cancel_and_wait(queries)
            await asyncio.gather(*queries, return_exceptions=True)  # errors of the others don't matter
        if not replies:
            raise redis.ConnectionError("; ".join(errors))
        if not self._is_certain(replies) and len(replies) < len(members):
            return
        newest = max(replies)
        if newest[0] <= self._known[0] and self._known in replies:
            return
        if newest[1] != self._known[1]:
            _log.info("%s is %s:%d now", self._address.master, *newest[1])
        self._known = newest

    def _is_certain(self, replies: list[tuple[int, Server]]) -> bool:
        """Return whether one of them has a newer configuration than the one that is known, or the same."""
        return max(replies)[0] > self._known[0] or self._known in replies

    async def _query(self, member: Server) -> tuple[int, Server, int]:
        """Return the epoch of a Sentinel's configuration, its master, and the number of replicas that it knows.

        The Sentinel that carries out a failover has the new epoch while its SENTINEL MASTER names the old address for a
        second or more; the other command names the new one by then.
        """
        client, name = self._discovery_client(member), self._address.master
        try:
            reply = await client.execute_command("SENTINEL MASTER", name)
            ip, port = await client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", name)
        except redis.ResponseError as error:
            if "No such master" in str(error):
                raise redis.ResponseError(f"a Sentinel knows no master {name!r}") from error
            raise
        return reply["config-epoch"], (ip.decode(), int(port)), reply["num-slaves"]

    def _server_for(self, channel: str) -> Server | None:
        return self._known[1]

    def _data_servers(self) -> set[Server]:
        return set() if self._known[1] is None else {self._known[1]}

    def _discovery_nodes(self) -> tuple[Server, ...]:
        return self._address.members

    def _discovery_url(self, member: Server) -> str:
        return self._address.sentinel_url_for(member)
