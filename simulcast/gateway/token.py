"""The token that a Gateway shows: none, always the same, or asked for at each attempt."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

GivenToken = str | Callable[[], str | Awaitable[str]] | None


class TokenSource:
    """`given`: the token, or a plain or async callable that returns one which is valid now."""

    def __init__(self, given: GivenToken) -> None:
        self._given = given

    @property
    def is_fixed(self) -> bool:
        """Whether it stays the same, so that asking again is in vain."""
        return isinstance(self._given, str)

    async def headers(self, within_s: float) -> dict[str, str]:
        """What to send with the handshake. Raises ConnectionError or TimeoutError where the callable gives none."""
        if self._given is None:
            return {}
        try:
            async with asyncio.timeout(within_s):
                found = self._given if isinstance(self._given, str) else self._given()
                text = await found if inspect.isawaitable(found) else found
        except TimeoutError:
            raise TimeoutError(f"token() gave none within {within_s:g} s") from None
        except Exception as error:
            raise ConnectionError(f"token() raised {error!r}") from error
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise ConnectionError("token() gave what is no token: it returns text")
        return {"Authorization": f"Bearer {text}"}
