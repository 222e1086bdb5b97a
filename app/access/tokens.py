"""Tokens of clients: JSON Web Tokens, verified with the keys that are configured (RFC 7519, RFC 8725)."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Self

import jwt
from jwt.types import Options

from app.access.keys import KeyRing
from app.access.revocations import Revocations
from simulcast.frontend.grant import Grant
from simulcast.model.channel import DEFAULT_CHANNEL, user_channel
from simulcast.model.revocation import MAX_NAME_CHARS
from simulcast.model.token_claims import AUDIENCE, SCOPES
from simulcast.settings.access import AccessSettings
from simulcast.settings.token_keys import VerificationKey

MAX_TOKEN_CHARS = 4096
LEEWAY_S = 60.0
"""How far the issuer's clock may be ahead: `nbf` is accepted so much earlier. `exp` counts exactly."""

MAX_LIFETIME_S = 10 * 366 * 24 * 3600.0
# Nothing here depends on `iat`; `sub` and `jti` may be numbers, which PyJWT would refuse.
_OPTIONS: Options = {"require": ["exp", "aud"], "verify_iat": False, "verify_sub": False, "verify_jti": False}


class TokenRefused(Exception):
    """A token that is not accepted, and why; the message does not contain it. `expired`: it was valid once."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


class TokenVerifier:
    """Verifies tokens by the algorithm of each key, never by that of a token's header: RFC 8725 §3.1."""

    def __init__(self, keys: KeyRing, revocations: Revocations, user_channels: str = "") -> None:
        """`user_channels`: beginning of the names of users' own channels, "" for none."""
        self.keys = keys
        self.revocations = revocations
        self._user_channels = user_channels

    @classmethod
    def from_settings(cls, settings: AccessSettings) -> Self | None:
        """Return None where no tokens are configured. Raises SettingRefused."""
        keys = KeyRing.from_settings(settings)
        return None if keys is None else cls(keys, Revocations(), settings.user_channels)

    async def grant(self, token: str) -> Grant:
        """Return the permissions of its bearer. Raises TokenRefused, KeysUnavailable, BrokerUnavailable."""
        grant = verify(token, await self.keys.find(*_read_header(token)), self._user_channels)
        if await self.revocations.is_revoked(grant):
            raise TokenRefused("the token was revoked: get a new one")
        return grant


def _read_header(token: str) -> tuple[object, str]:
    """Return the algorithm and the key's id that a token names: they choose among the keys. Raises TokenRefused."""
    if len(token) > MAX_TOKEN_CHARS:
        raise TokenRefused(f"a token has at most {MAX_TOKEN_CHARS:,} characters: get a smaller one")
    try:
        header = jwt.get_unverified_header(token)
        return header.get("alg"), header.get("kid", "")
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise _refuse(error) from error


def verify(token: str, keys: Sequence[VerificationKey], user_channels: str = "") -> Grant:
    """Return the permissions of a token that one of the keys verifies. Raises TokenRefused."""
    failure: Exception = jwt.InvalidSignatureError("no key here verifies its signature")
    for key in keys:
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                audience=AUDIENCE,
                leeway=LEEWAY_S,
                options=_OPTIONS,
            )
            _check_expiry(claims["exp"])
            return grant_from_claims(claims, user_channels)
        except jwt.InvalidSignatureError as error:
            failure = error
        except jwt.ExpiredSignatureError as error:
            raise TokenRefused("the token has expired: get a new one", expired=True) from error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise _refuse(error) from error
    raise _refuse(failure)


def _refuse(error: Exception) -> TokenRefused:
    # It may repeat a part of the token, which can be any text: half a surrogate pair would end the answer.
    reason = str(error).encode("ascii", "backslashreplace").decode()
    return TokenRefused(f"the token is not valid ({type(error).__name__}: {reason}"[:220] + "): get another one")


def grant_from_claims(claims: Mapping[str, object], user_channels: str = "") -> Grant:
    """Return the grant in a token's claims, `exp` among them. Unknown scopes are ignored (RFC 6749 §3.3).

    A token of a user that names no channels is for the user's own one, where there are such, unless it is an
    administrator's. Raises TypeError or ValueError that names the claim of a wrong form.
    """
    scope, channels, expires_at = claims.get("scope", ""), claims.get("channels", [DEFAULT_CHANNEL]), claims["exp"]
    if not isinstance(scope, str):
        raise TypeError(f"the claim scope is text, some of {', '.join(SCOPES)} with spaces between")
    if not isinstance(channels, list) or not all(isinstance(pattern, str) for pattern in channels):
        raise ValueError("the claim channels is a list of texts, patterns of channels' names")
    if not isinstance(expires_at, int | float) or not math.isfinite(expires_at):
        raise ValueError("the claim exp is a number, seconds since 1970")
    user, token_id = _read_name(claims, "sub"), _read_name(claims, "jti")
    scopes = frozenset(scope.split())
    if user_channels and user and "channels" not in claims and "admin" not in scopes:
        home = user_channel(user_channels, user)
        return Grant(scopes, (home,), float(expires_at), user, token_id, home)
    return Grant(scopes, tuple(channels), float(expires_at), user, token_id)


def _read_name(claims: Mapping[str, object], claim: str) -> str:
    """Return the text by which tokens are revoked, "" where there is none. Raises ValueError for another form."""
    value = claims.get(claim)
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if claim in claims and not (isinstance(text, str) and 1 <= len(text) <= MAX_NAME_CHARS and _is_unicode(text)):
        raise ValueError(f"the claim {claim} is text of 1 to {MAX_NAME_CHARS} characters, or a whole number")
    return text if isinstance(text, str) else ""


def _is_unicode(text: str) -> bool:
    return text.encode(errors="replace").decode() == text  # no half of a surrogate pair, which JSON can hold


def _check_expiry(expires_at: object) -> None:
    """Raise ExpiredSignatureError for the past, where the leeway would allow it, and ValueError for milliseconds."""
    if not isinstance(expires_at, int | float):
        return  # `grant_from_claims` refuses it by name
    remaining_s = expires_at - time.time()
    if remaining_s <= 0:
        raise jwt.ExpiredSignatureError
    if remaining_s > MAX_LIFETIME_S:
        raise ValueError("the claim exp is more than 10 years ahead: it is in seconds since 1970, not in milliseconds")
