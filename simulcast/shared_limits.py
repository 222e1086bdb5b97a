"""The limits of all workers together, in Redis: set by clients, and shared by the workers that call."""

import secrets
from dataclasses import dataclass
from typing import cast

import redis.asyncio
from pydantic import ValidationError

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.model.limits import MAX_LIMITS_BYTES, NO_LIMITS, Allowed, Limits
from simulcast.store import functions
from simulcast.store.functions import Argument
from simulcast.store.sender import PUBLISH_TIMEOUT_S
from simulcast.store.topology import Topology


@dataclass(frozen=True, slots=True)
class Part:
    """A worker's part of the limits, at the server's time `now_s`.

    `changed`: the limits where they are others than those of the call, which then has to be repeated. `may_begin`: one
    more download. `speed`: bytes a second, None for any number. `share`: of all running downloads, 0.0 to 1.0.
    """

    now_s: float
    version: str
    changed: Limits | None
    may_begin: bool
    speed: int | None
    share: float


class LimitStore:
    """The limits of one service. Every method raises BrokerUnavailable."""

    def __init__(self, servers: Topology, broker: Broker) -> None:
        """Does not own `servers`."""
        self._servers = servers
        self._broker = broker
        self._names = broker.names()

    async def set(self, limits: Limits) -> None:
        """Store the limits, which the workers follow within two seconds. A server that takes over gets them again."""
        text = f"{secrets.token_hex(8)}\n{limits.model_dump_json()}"
        call = functions.fcall("set_limits", self._names.limit_keys, [text])
        await self._broker.sender().execute("set the limits", call, timeout_s=PUBLISH_TIMEOUT_S, retain=True)

    async def read(self) -> Limits:
        """Return the limits."""

        async def call(client: redis.asyncio.Redis) -> bytes | None:
            return cast(bytes | None, await client.get(self._names.limit_keys[0]))

        text = await self._servers.read(self._names.channel, "read the limits", call)
        return _parse((text or b"").partition(b"\n")[2])

    async def share(
        self, worker: str, ttl_s: float, version: str, allowed: Allowed, running: int, *, begins: bool
    ) -> Part:
        """Return the worker's part for the next `ttl_s`: afterwards others have it.

        `allowed`: now, by the limits of `version`. `running`: its downloads, with one that is about to begin if
        `begins`.
        """
        bounds = ["" if bound is None else str(bound) for bound in (allowed.max_speed, allowed.max_downloads)]
        args: list[Argument] = [worker, round(ttl_s * 1000), version, *bounds, running, int(begins)]
        now_ms, stored, text, may_begin, speed, total = await self._share(args)
        return Part(
            int(now_ms) / 1000,
            stored.decode(),
            _parse(text) if stored.decode() != version else None,
            bool(may_begin),
            int(speed) if speed else None,
            running / max(1, int(total)),
        )

    async def leave(self, worker: str) -> None:
        """Give the worker's part to the others."""
        await self._share([worker, 0, "", "", "", 0, 0])

    async def _share(self, args: list[Argument]) -> tuple[bytes, bytes, bytes, bytes, bytes, bytes]:
        async with self._servers.client_at(self._names.channel, "share the limits") as client:
            reply = await functions.call(client, "share_limits", self._names.limit_keys, args)
        return cast(tuple[bytes, bytes, bytes, bytes, bytes, bytes], reply)


def _parse(text: bytes) -> Limits:
    try:
        return Limits.model_validate_json(text[:MAX_LIMITS_BYTES]) if text else NO_LIMITS
    except ValidationError as error:
        reason = error.errors(include_url=False, include_context=False, include_input=False)[0]["msg"]
        raise BrokerUnavailable(f"the limits in Redis can't be read ({reason}): set them again") from None
