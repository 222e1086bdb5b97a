"""A client's permissions. Decides; does no I/O."""

import math
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from simulcast.model.token_claims import SCOPES, Scope


@lru_cache(maxsize=256)  # `fnmatch` keeps 32,768, and each user may have patterns of their own
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(translate(text))


@dataclass(frozen=True, slots=True)
class Grant:
    """The permissions of one client, and their end.

    `scopes`: some of watch, command, publish, files, and admin, which includes all others in every channel.
    `channels`: names, or patterns as of a shell. `expires_at`: seconds since 1970; the client is disconnected then,
    with close code 4419. `user`: "" for nobody in particular. `token_id`: that of the token, "" for one without.
    `home`: the channel of requests that name none, "" for that of the front-end.
    """

    scopes: Collection[str]
    channels: Collection[str] = ("*",)
    expires_at: float = math.inf
    user: str = ""
    token_id: str = ""
    home: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.scopes, str) or isinstance(self.channels, str):
            raise TypeError('a Grant takes collections of texts, such as Grant({"watch"}, ["jobs-*"])')

    def has(self, scope: Scope) -> bool:
        """Return whether its bearer has the scope, in whatever channels."""
        return scope in self.scopes or "admin" in self.scopes

    def allows(self, scope: Scope, channel: str) -> bool:
        """Return whether its bearer may do that in that channel."""
        return self.refusal(scope, channel) is None

    def refusal(self, scope: Scope, channel: str) -> str | None:
        """Return why its bearer may not do that there, and the remedy; None where it is allowed."""
        if "admin" in self.scopes:
            return None
        if scope not in self.scopes:
            return f"the token doesn't have the scope {scope}: get one that has it"
        if channel not in self.channels and not any(_pattern(text).match(channel) for text in self.channels):
            return f"the token is not for channel {channel}: get one whose channels match it"
        return None

    def channel(self, named: str, default: str) -> str:
        """Return the channel that a request is about. `named`: by it, "" for none; `default`: the front-end's."""
        return named or self.home or default

    @property
    def remaining_s(self) -> float | None:
        """Seconds until it expires; None if it never does."""
        return self.expires_at - time.time() if math.isfinite(self.expires_at) else None

    @property
    def has_expired(self) -> bool:
        """True from its end on."""
        return time.time() >= self.expires_at


FULL_ACCESS = Grant(frozenset(SCOPES))
"""Everything, in every channel, for ever: the grant where nobody is asked to authenticate."""
