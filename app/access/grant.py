"""What a token lets its bearer do. Decides; does no I/O."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.token_claims import SCOPES, Scope


@dataclass(frozen=True, slots=True)
class Grant:
    """`channels`: patterns as of a shell, `*` among them. `expires_at`: seconds since 1970, inf for never."""

    scopes: frozenset[str]
    channels: tuple[str, ...]
    expires_at: float

    def allows(self, scope: Scope, channel: str) -> bool:
        """Whether its bearer may do that in that channel."""
        return self.refusal(scope, channel) is None

    def refusal(self, scope: Scope, channel: str) -> str | None:
        """Why not, and what to do; None where it is allowed."""
        if scope not in self.scopes:
            return f"the token doesn't have the scope {scope}: get one that has it"
        if not any(fnmatchcase(channel, pattern) for pattern in self.channels):
            return f"the token is not for channel {channel}: get one whose channels match it"
        return None


FULL_ACCESS = Grant(frozenset(SCOPES), ("*",), math.inf)
"""Where no tokens are configured."""


def grant_from_claims(claims: Mapping[str, object]) -> Grant:
    """The grant in a token's claims, `exp` among them. Unknown scopes are ignored (RFC 6749 §3.3).

    Raises TypeError or ValueError that names the claim that makes no sense.
    """
    scope, channels, expires_at = claims.get("scope", ""), claims.get("channels", [DEFAULT_CHANNEL]), claims["exp"]
    if not isinstance(scope, str):
        raise TypeError(f"the claim scope is text, some of {', '.join(SCOPES)} with spaces between")
    if not isinstance(channels, list) or not all(isinstance(pattern, str) for pattern in channels):
        raise ValueError("the claim channels is a list of texts, patterns of channels' names")
    if not isinstance(expires_at, int | float) or not math.isfinite(expires_at):
        raise ValueError("the claim exp is a number, seconds since 1970")
    return Grant(frozenset(scope.split()), tuple(channels), float(expires_at))
