"""Who may reach a front-end: everyone on loopback, beyond that whoever has a token, unless it is stated otherwise."""

import ipaddress
from pathlib import Path

from pydantic import Field

from simulcast.errors import SettingRefused
from simulcast.settings import SharedSettings

MIN_SECRET_BYTES = 32  # RFC 7518 §3.2


class ExposureSettings(SharedSettings):
    """Read once, by each program that starts a front-end."""

    token_secret: str = Field(
        default="",
        repr=False,
        validation_alias="SIMULCAST_TOKEN_SECRET",
        description=f"secret of at least {MIN_SECRET_BYTES} bytes that signs clients' tokens (HS256): "
        "see [access](access.md)",
    )
    token_public_key_file: str = Field(
        default="",
        validation_alias="SIMULCAST_TOKEN_PUBLIC_KEY_FILE",
        description="PEM file with the RSA public key of who signs clients' tokens (RS256), instead of a secret",
    )
    open_to_everyone: bool = Field(
        default=False,
        validation_alias="SIMULCAST_OPEN_TO_EVERYONE",
        description="whether, without tokens, a host that isn't loopback is allowed: whoever reaches it may watch, "
        "command and publish",
    )

    def token_key(self) -> tuple[str, str]:
        """The algorithm and its key: ("HS256", secret), ("RS256", PEM), or ("", "") where no tokens are wanted.

        Raises SettingRefused for a secret that is too short, a file that can't be read, or both at once.
        """
        if self.token_secret and self.token_public_key_file:
            raise SettingRefused(
                f"SIMULCAST_TOKEN_PUBLIC_KEY_FILE={self.token_public_key_file} and SIMULCAST_TOKEN_SECRET are both "
                "set: leave one of them away, since tokens are signed in one way"
            )
        if self.token_secret:
            if (size := len(self.token_secret.encode())) < MIN_SECRET_BYTES:
                raise SettingRefused(
                    f"SIMULCAST_TOKEN_SECRET has {size} bytes, and needs at least {MIN_SECRET_BYTES}: "
                    "make one with `openssl rand -hex 32`"
                )
            return "HS256", self.token_secret
        if not self.token_public_key_file:
            return "", ""
        try:
            return "RS256", Path(self.token_public_key_file).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise SettingRefused(
                f"SIMULCAST_TOKEN_PUBLIC_KEY_FILE={self.token_public_key_file} can't be read "
                f"({getattr(error, 'strerror', None) or 'it is no PEM'}): name the PEM file of an RSA public key"
            ) from error

    def check_host(self, host: str) -> None:
        """Raises SettingRefused for a host that lets others in while there are no tokens and nobody said so.

        As `token_key` does, too.
        """
        algorithm, _ = self.token_key()
        if is_public_bind(host) and not algorithm and not self.open_to_everyone:
            raise SettingRefused(
                f"--host {host}: without tokens, whoever reaches it may watch and command every download. Set "
                "SIMULCAST_TOKEN_SECRET or SIMULCAST_TOKEN_PUBLIC_KEY_FILE, or SIMULCAST_OPEN_TO_EVERYONE=true if that "
                "is what you want"
            )


def is_public_bind(host: str) -> bool:
    """Whether other machines may get there."""
    if host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True
