"""The token that a Gateway sends: none, always the same, or a new one at each attempt."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

from simulcast.gateway.callbacks import ends_task

GivenToken = str | Callable[[], str | Awaitable[str]] | None


class TokenSource:
    """`given`: the token, or a plain or async callable that returns one which is valid now."""

    def __init__(self, given: GivenToken) -> None:
        """Raises ValueError for what is neither."""
        if given is not None and not isinstance(given, str) and not callable(given):
            raise ValueError(f"token is text, or a function that returns it, not {type(given).__name__}")
        self._given = given

    @property
    def is_fixed(self) -> bool:
        """True if it stays the same, so that another attempt is in vain."""
        return isinstance(self._given, str)

    async def headers(self, timeout_s: float) -> dict[str, str]:
        """Return the headers of the handshake. Raises ConnectionError or TimeoutError if the callable fails."""
        if self._given is None:
            return {}
        task = asyncio.current_task()
        try:
            async with asyncio.timeout(timeout_s):
                result = self._given if isinstance(self._given, str) else self._given()
                token = await result if inspect.isawaitable(result) else result
        except TimeoutError:
            raise TimeoutError(f"token() gave none within {timeout_s:g} s") from None
        except BaseException as error:
            if ends_task(error, task):
                raise
            raise ConnectionError(f"token() raised {error!r}") from error
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise ConnectionError("token() returned no token, which is printable ASCII text")
        return {"Authorization": f"Bearer {token}"} if token else {}
