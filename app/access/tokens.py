"""Tokens of clients: JSON Web Tokens, checked with the one key that is configured (RFC 7519, RFC 8725)."""

from typing import Self

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app.access import grant
from app.access.grant import Grant
from simulcast.access_settings import ExposureSettings
from simulcast.errors import SettingRefused
from simulcast.model.token_claims import AUDIENCE

MAX_TOKEN_CHARS = 4096
MIN_RSA_BITS = 2048  # RFC 7518 §3.3


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
        try:
            self._key = jwt.get_algorithm_by_name(algorithm).prepare_key(key)
        except jwt.InvalidKeyError as error:
            raise ValueError(str(error)) from error
        if algorithm == "RS256" and not (isinstance(self._key, RSAPublicKey) and self._key.key_size >= MIN_RSA_BITS):
            raise ValueError(f"it is no public RSA key of at least {MIN_RSA_BITS} bits")

    @classmethod
    def of(cls, settings: ExposureSettings) -> Self | None:
        """None where no tokens are configured. Raises SettingRefused."""
        algorithm, key = settings.token_key()
        if not algorithm:
            return None
        try:
            return cls(algorithm, key)
        except ValueError as error:
            if algorithm == "HS256":
                raise SettingRefused(f"SIMULCAST_TOKEN_SECRET is no secret ({error}): use random text") from error
            raise SettingRefused(
                f"SIMULCAST_TOKEN_PUBLIC_KEY_FILE={settings.token_public_key_file}: {error}. "
                "Name the PEM file of an RSA public key"
            ) from error

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
