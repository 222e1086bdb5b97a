"""The settings that decide who may reach a front-end: everyone on this machine, and others only with a token."""

from pathlib import Path
from typing import Any

from pydantic import Field

from simulcast.errors import SettingRefused
from simulcast.model.ip_address import parse_ip_address
from simulcast.settings.shared import SharedSettings
from simulcast.store.url import without_user_info

MIN_SECRET_BYTES = 32  # RFC 7518 §3.2
MIN_RSA_BITS = 2048  # RFC 7518 §3.3


class AccessSettings(SharedSettings):
    """Read by each program that starts a front-end."""

    token_secret: str = Field(default="", repr=False)
    """Secret of at least 32 bytes that signs clients' tokens (HS256): see [access](access.md)."""

    token_public_key_file: str = Field(default="", repr=False)
    """PEM file with the RSA public key that verifies clients' tokens (RS256), instead of a secret."""

    open_to_everyone: bool = False
    """Let other machines connect without tokens: all of them may then watch, command and publish."""

    def token_key(self) -> tuple[str, str]:
        """Return the algorithm and its key: ("HS256", secret), ("RS256", PEM), or ("", "") without tokens.

        Raises SettingRefused for a key that can't verify tokens, an unreadable file, and a secret together with a file.
        """
        if self.token_secret and self.token_public_key_file:
            raise SettingRefused(
                "SIMULCAST_TOKEN_PUBLIC_KEY_FILE and SIMULCAST_TOKEN_SECRET are both set: unset one of them, since "
                "tokens are signed in one way"
            )
        if self.token_secret:
            return "HS256", self._checked_secret()
        return ("RS256", self._read_public_key()) if self.token_public_key_file else ("", "")

    def _checked_secret(self) -> str:
        if (size := len(self.token_secret.encode())) < MIN_SECRET_BYTES:
            raise SettingRefused(
                f"SIMULCAST_TOKEN_SECRET has {size} bytes, and needs at least {MIN_SECRET_BYTES}: "
                "make one with `openssl rand -hex 32`"
            )
        try:
            prepare_key("HS256", self.token_secret)
        except ValueError as error:
            raise SettingRefused(f"SIMULCAST_TOKEN_SECRET is no secret ({error}): use random text") from error
        return self.token_secret

    def _read_public_key(self) -> str:
        # The key itself may be there in place of a path.
        path = "…" if "-----" in self.token_public_key_file else without_user_info(self.token_public_key_file)
        setting = f"SIMULCAST_TOKEN_PUBLIC_KEY_FILE={path}"
        try:
            pem = Path(self.token_public_key_file).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no PEM"
            raise SettingRefused(
                f"{setting} can't be read ({reason}): name the PEM file of an RSA public key"
            ) from error
        try:
            prepare_key("RS256", pem)
        except ValueError as error:
            raise SettingRefused(f"{setting}: {error}. Name the PEM file of an RSA public key") from error
        return pem

    def check_host(self, host: str) -> None:
        """Raise SettingRefused where other machines could connect to `host` without a token and no setting allows it.

        Raises as `token_key`, too.
        """
        algorithm, _ = self.token_key()
        if is_public_bind(host) and not algorithm and not self.open_to_everyone:
            raise SettingRefused(
                f"--host {host}: without tokens, every machine that reaches it may watch and command all downloads. "
                "Set SIMULCAST_TOKEN_SECRET or SIMULCAST_TOKEN_PUBLIC_KEY_FILE, or SIMULCAST_OPEN_TO_EVERYONE=true if "
                "that is intended"
            )


def prepare_key(algorithm: str, key: str) -> Any:
    """Return the key as PyJWT verifies with it: of HS256 a secret, of RS256 a public key in PEM.

    Raises ValueError with the reason for a key that can't verify tokens.
    """
    import jwt  # only front-ends with tokens need it
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        prepared = jwt.get_algorithm_by_name(algorithm).prepare_key(key)
    except jwt.InvalidKeyError as error:
        raise ValueError(str(error)) from error
    if algorithm == "RS256" and not (isinstance(prepared, RSAPublicKey) and prepared.key_size >= MIN_RSA_BITS):
        raise ValueError(f"it is no public RSA key of at least {MIN_RSA_BITS} bits")
    return prepared


def is_public_bind(host: str) -> bool:
    """Return whether other machines can connect to a socket that listens on `host`."""
    address = parse_ip_address(host)
    return host != "localhost" and (address is None or not address.is_loopback)
