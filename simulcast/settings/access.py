"""The settings that decide who may reach a front-end: everyone on this machine, and others only with a token."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field

from simulcast.errors import SettingRefused
from simulcast.model.ip_address import parse_ip_address
from simulcast.settings.shared import SharedSettings
from simulcast.settings.token_keys import VerificationKey, pem_keys, secret_key
from simulcast.store.url import without_user_info

WAYS_TO_VERIFY = "SIMULCAST_TOKEN_SECRET, SIMULCAST_TOKEN_PUBLIC_KEY_FILE or SIMULCAST_TOKEN_JWKS_URL"


class AccessSettings(SharedSettings):
    """Read by each program that starts a front-end."""

    token_secret: str = Field(default="", repr=False)
    """Secret of at least 32 bytes that signs clients' tokens (HS256): see [access](access.md)."""

    token_public_key_file: str = Field(default="", repr=False)
    """PEM file with the public keys that verify clients' tokens, instead of a secret: RSA (RS256), EC P-256 (ES256),
    Ed25519 (EdDSA). It is read again every few seconds."""

    token_jwks_url: str = Field(default="", repr=False)
    """Address of the JSON Web Key Set of an issuer of tokens, instead of a secret or a file: https://…, or http://…
    inside a network that you trust."""

    open_to_everyone: bool = False
    """Let other machines connect without tokens: all of them may then watch, command and publish."""

    @property
    def has_tokens(self) -> bool:
        """True if clients need tokens."""
        return bool(self.token_secret or self.token_public_key_file or self.token_jwks_url)

    def token_keys(self) -> Sequence[VerificationKey]:
        """Return the keys of the secret or the file; none without tokens, and of a URL.

        Raises SettingRefused for what can't verify tokens, an unreadable file, and two of these settings together.
        """
        if bool(self.token_secret) + bool(self.token_public_key_file) + bool(self.token_jwks_url) > 1:
            raise SettingRefused(f"more than one is set of {WAYS_TO_VERIFY}: unset the others")
        if self.token_jwks_url:
            self._check_url()
        if self.token_secret:
            try:
                return [secret_key(self.token_secret)]
            except ValueError as error:
                raise SettingRefused(f"SIMULCAST_TOKEN_SECRET {error}") from error
        return self.read_public_keys() if self.token_public_key_file else []

    def read_public_keys(self) -> Sequence[VerificationKey]:
        """Return the keys in the file. Raises SettingRefused."""
        # The key itself may be there in place of a path.
        path = "…" if "-----" in self.token_public_key_file else without_user_info(self.token_public_key_file)
        setting = f"SIMULCAST_TOKEN_PUBLIC_KEY_FILE={path}"
        try:
            pem = Path(self.token_public_key_file).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no PEM"
            raise SettingRefused(f"{setting} can't be read ({reason}): name the PEM file of public keys") from error
        try:
            return pem_keys(pem)
        except ValueError as error:
            raise SettingRefused(f"{setting}: {error}. Name the PEM file of public keys") from error

    def _check_url(self) -> None:
        try:
            parts = urlsplit(self.token_jwks_url)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            is_url = False
        if not is_url:
            raise SettingRefused("SIMULCAST_TOKEN_JWKS_URL is no address: it begins with https://, or http://")

    def check_host(self, host: str) -> None:
        """Raise SettingRefused where other machines could connect to `host` without a token and no setting allows it.

        Raises as `token_keys`, too.
        """
        self.token_keys()
        if is_public_bind(host) and not self.has_tokens and not self.open_to_everyone:
            raise SettingRefused(
                f"--host {host}: without tokens, every machine that reaches it may watch and command all downloads. "
                f"Set {WAYS_TO_VERIFY}, or SIMULCAST_OPEN_TO_EVERYONE=true if that is intended"
            )


def is_public_bind(host: str) -> bool:
    """Return whether other machines can connect to a socket that listens on `host`."""
    address = parse_ip_address(host)
    return host != "localhost" and (address is None or not address.is_loopback)
