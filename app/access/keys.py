"""The keys that verify tokens now. Those of a file or a URL are read again while the process runs.

A key set is read in the background, and when a token names a key that is not in it, but never more often than every
MIN_READ_INTERVAL_S, whatever tokens come. While it can't be read, the keys that were read last stay.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from simulcast.cancellation import cancel_and_wait, is_cancelling
from simulcast.errors import SettingRefused
from simulcast.jwks import fetch_jwks
from simulcast.settings.access import AccessSettings
from simulcast.settings.token_keys import VerificationKey, jwk_keys

FILE_INTERVAL_S = 5.0
URL_INTERVAL_S = 300.0
RETRY_INTERVAL_S = 15.0
MIN_READ_INTERVAL_S = 5.0

_log = logging.getLogger("simulcast.tokens")
Read = Callable[[], Awaitable[Sequence[VerificationKey]]]


class KeysUnavailable(Exception):
    """The key that a token names may exist, but could not be looked up now."""


class KeyRing:
    """The keys of one front-end."""

    def __init__(
        self,
        keys: Sequence[VerificationKey] | None,
        read: Read | None = None,
        interval_s: float = URL_INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`keys`: None before they are read. `read`: returns them again, or raises ValueError or SettingRefused."""
        self._keys = keys
        self._read = read
        self._interval_s = interval_s
        self._clock = clock
        self._lock = asyncio.Lock()
        self._read_at = self._answered_at = float("-inf")

    @classmethod
    def from_settings(cls, settings: AccessSettings) -> "KeyRing | None":
        """Return None where no tokens are configured. Raises SettingRefused."""
        if not settings.has_tokens:
            return None
        keys = settings.token_keys()
        if settings.token_jwks_url:
            url = settings.token_jwks_url

            async def fetch() -> Sequence[VerificationKey]:
                return jwk_keys(await asyncio.to_thread(fetch_jwks, url))

            return cls(None, fetch)
        if settings.token_public_key_file:

            async def read() -> Sequence[VerificationKey]:
                return await asyncio.to_thread(settings.read_public_keys)

            return cls(keys, read, FILE_INTERVAL_S)
        return cls(keys)

    async def find(self, algorithm: object, key_id: str) -> Sequence[VerificationKey]:
        """Return the keys that may have signed a token with that header. Raises KeysUnavailable."""
        asked_at = self._clock()
        if self._is_known(key_id):
            return self._matching(algorithm, key_id)
        async with self._lock:
            if not self._is_known(key_id) and self._answered_at < asked_at:
                await self._read_now()
        return self._matching(algorithm, key_id)

    def _is_known(self, key_id: str) -> bool:
        """Return whether reading again could bring no other key of that id. A token without one tries all keys."""
        if self._read is None:
            return True
        return self._keys is not None and (not key_id or any(key.key_id in ("", key_id) for key in self._keys))

    def _matching(self, algorithm: object, key_id: str) -> Sequence[VerificationKey]:
        usable = [key for key in self._keys or () if key.algorithm == algorithm]
        return [key for key in usable if not key_id or key.key_id in ("", key_id)]

    async def _read_now(self) -> None:
        if self._read is None:
            return
        began = self._clock()
        if began - self._read_at < MIN_READ_INTERVAL_S:
            raise KeysUnavailable("the keys of tokens were read a moment ago: try again in a few seconds")
        try:
            self._keys = await self._read()
        except Exception as error:  # there may be no thread, and keys come from elsewhere
            is_expected = isinstance(error, ValueError | SettingRefused)
            _log.warning("the keys of tokens can't be read: %s", error, exc_info=not is_expected)
            raise KeysUnavailable("the keys of tokens can't be read now: try again later") from error
        finally:
            self._read_at = self._clock()
        self._answered_at = began

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Read the keys again and again, beside the block."""
        task = asyncio.create_task(self._keep_fresh(), name="keys of tokens")
        try:
            yield
        finally:
            await cancel_and_wait([task])

    async def _keep_fresh(self) -> None:
        while self._read is not None and not is_cancelling():
            interval_s = self._interval_s
            try:
                async with self._lock:
                    await self._read_now()
            except KeysUnavailable:
                interval_s = min(interval_s, RETRY_INTERVAL_S)
            await asyncio.sleep(interval_s)
