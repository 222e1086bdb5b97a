"""Calls of the functions that read the index of jobs, and repair it first where an older release left it behind."""

import asyncio
from collections.abc import Sequence

import redis.asyncio

from simulcast.errors import BrokerUnavailable
from simulcast.model.channel import ChannelNames
from simulcast.store import functions
from simulcast.store.functions import Argument, Function
from simulcast.store.topology import Topology

_REPAIR_TIMEOUT_S = 10.0  # of the index of 100,000 jobs


async def read_index(
    servers: Topology, names: ChannelNames, function: Function, keys: Sequence[str], args: Sequence[Argument]
) -> object:
    """Return the function's reply, of a call by which the index is up to date. Raises BrokerUnavailable."""

    async def call(client: redis.asyncio.Redis) -> object:
        return await functions.call(client, function, keys, args)

    try:
        async with asyncio.timeout(_REPAIR_TIMEOUT_S):
            while (reply := await servers.read(names.channel, f"call {function}", call)) is None:
                pass  # each call has repaired a part
            return reply
    except TimeoutError:
        raise BrokerUnavailable("could not list the jobs: their index is being repaired; try again in 5 s") from None
