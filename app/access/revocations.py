"""The revoked tokens that this front-end knows: it refuses them, and ends the connections that they opened."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from simulcast.cancellation import cancel_and_wait, is_cancelling
from simulcast.containment import contain_errors
from simulcast.errors import BrokerUnavailable
from simulcast.frontend import FrontEnd
from simulcast.frontend.grant import Grant
from simulcast.model.revocation import Kind, revoked_name
from simulcast.revocations import RevocationStore

POLL_INTERVAL_S = 0.5


class Revocations:
    """Those that were read once stay until their end, also where Redis is away, or has lost them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._version: str | None = None  # None before they were read
        self._ends: dict[str, float] = {}  # by name
        self._polled = asyncio.Event()  # replaced after each poll
        self._front_end: FrontEnd | None = None

    async def is_revoked(self, grant: Grant) -> bool:
        """Return whether the grant is of a token, or of a user, that is revoked.

        Raises BrokerUnavailable while that is not known, since Redis has not answered yet.
        """
        if self._version is None and self._front_end is not None:
            await self.poll(self._front_end.services.revocations)
        return self.revokes(grant)

    def revokes(self, grant: Grant) -> bool:
        """Return whether the grant is revoked, as far as this is known."""
        now = self._clock()
        return bool(self._ends) and any(self._ends.get(name, now) > now for name in _names(grant))

    async def wait_revoked(self, grant: Grant) -> None:
        """Return once the grant is revoked."""
        while not self.revokes(grant):
            await self._polled.wait()

    async def poll(self, store: RevocationStore) -> None:
        """Read them, if they have changed. Raises BrokerUnavailable."""
        revoked = await store.read(self._version or "")
        if revoked.ends_in_s is not None:
            now = self._clock()
            known = {name: end for name, end in self._ends.items() if end > now}
            self._ends = known | {name: now + left_s for name, left_s in revoked.ends_in_s.items()}
        self._version = revoked.version
        polled, self._polled = self._polled, asyncio.Event()
        polled.set()

    @asynccontextmanager
    async def watching(self, front_end: FrontEnd) -> AsyncIterator[None]:
        """Read them again and again beside the block, and disconnect the clients of tokens that are revoked."""
        self._front_end = front_end
        task = asyncio.create_task(self._watch(front_end), name="revoked tokens")
        try:
            yield
        finally:
            await cancel_and_wait([task])

    async def _watch(self, front_end: FrontEnd) -> None:
        while not is_cancelling():
            with contain_errors("the poll of revoked tokens"), suppress(BrokerUnavailable):
                services, version = front_end.services, self._version
                await self.poll(services.revocations)
                if version != self._version or services.closing:
                    services.disconnect_revoked(self.revokes)
            await asyncio.sleep(POLL_INTERVAL_S)


def _names(grant: Grant) -> list[str]:
    kinds: list[tuple[Kind, str]] = [("sub", grant.user), ("jti", grant.token_id)]
    return [revoked_name(kind, text) for kind, text in kinds if text]
