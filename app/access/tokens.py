"""Tokens of clients: JSON Web Tokens, checked with the one key that is configured (RFC 7519, RFC 8725)."""

from typing import Self

import jwt

from app.access import grant
from app.access.grant import Grant
from simulcast.model.token_claims import AUDIENCE
from simulcast.settings.access import AccessSettings, prepare_key

MAX_TOKEN_CHARS = 4096


class TokenRefused(Exception):
    """The message says why and what to do, without the token. `expired`: it was valid once."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


class TokenVerifier:
    """The algorithm is the key's own and never what a token's header says: RFC 8725 §3.1."""

    def __init__(self, algorithm: str, key: str) -> None:
        """`algorithm`: HS256 with a secret, or RS256 with a public key in PEM.

        Raises ValueError that says what is wrong with the key.
        """
        self._algorithm = algorithm
        self._key = prepare_key(algorithm, key)

    @classmethod
    def of(cls, settings: AccessSettings) -> Self | None:
        """None where no tokens are configured. Raises SettingRefused."""
        algorithm, key = settings.token_key()
        return cls(algorithm, key) if algorithm else None

    def grant(self, token: str) -> Grant:
        """What it lets its bearer do now. Raises TokenRefused."""
        if len(token) > MAX_TOKEN_CHARS:
            raise TokenRefused(f"a token has at most {MAX_TOKEN_CHARS:,} characters: get a smaller one")
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[self._algorithm],
                audience=AUDIENCE,
                options={"require": ["exp", "aud"], "verify_iat": False},  # iat may be ahead by a clock's error
            )
            return grant.grant_from_claims(claims)
        except jwt.ExpiredSignatureError as error:
            raise TokenRefused("the token has expired: get a new one", expired=True) from error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            why = f"{type(error).__name__}: {error}"
            raise TokenRefused(f"the token is not valid ({why[:200]}): get another one") from error
