"""Calls of functions about the jobs of one channel, kept until a server that takes over has them."""

from collections.abc import Callable, Sequence
from typing import Self

from simulcast.broker import Broker
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.store import functions
from simulcast.store.factory import topology_from_url
from simulcast.store.functions import Argument, Function
from simulcast.store.topology import Topology


class JobCalls:
    """The calls of downloads, and of jobs of any other kind. A subclass sets `_keys`, which each function gets."""

    _keys: list[str]

    def __init__(self, servers: Topology, broker: Broker, channel: str = DEFAULT_CHANNEL) -> None:
        """Owns `servers`."""
        self._servers = servers
        self._broker = broker
        self._names = servers.names(channel)

    @classmethod
    def connect(cls, url: str, broker: Broker, channel: str = DEFAULT_CHANNEL) -> Self:
        """Return the jobs of a channel; sends nothing yet. Raises ValueError for a URL of no known form."""
        return cls(topology_from_url(url), broker, channel)

    def in_channel(self, channel: str) -> Self:
        """Return the jobs of another channel, by the same connections. Raises ValueError for an invalid channel."""
        return type(self)(self._servers, self._broker, channel)

    @property
    def channel(self) -> str:
        return self._names.channel

    async def aclose(self) -> None:
        """Close the connections."""
        await self._servers.aclose()

    async def _send(
        self,
        function: Function,
        args: Sequence[Argument],
        retained: Function | None = None,
        retain_as: Callable[[object], Sequence[Argument] | None] = lambda _: None,
        keys: Sequence[str] = (),
    ) -> object:
        """Call the function. A server that takes over gets `retained` in its place, if there are arguments for it.

        `keys`: in place of `_keys`.
        """
        keys = keys or self._keys

        def command(reply: object) -> functions.Command | None:
            again = retain_as(reply)
            return None if retained is None or again is None else functions.fcall(retained, keys, again)

        sender = self._broker.sender(self._names.channel)
        call = functions.fcall(function, keys, args)
        return await sender.execute(f"call {function}", call, retain_as=command if retained else None)
