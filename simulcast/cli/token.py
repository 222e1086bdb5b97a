"""`simulcast token`: signs a token for a client. The key comes by environment or file, never as an argument."""

import time
from pathlib import Path
from typing import Annotated

import typer

from simulcast.cli.app import app
from simulcast.model.token_claims import AUDIENCE, SCOPES


@app.command(epilog="By environment: SIMULCAST_TOKEN_SECRET.")
def token(
    scopes: Annotated[
        list[str], typer.Option("--scope", help=f"What it lets its bearer do: {', '.join(SCOPES)}; may be repeated.")
    ],
    channels: Annotated[
        list[str] | None,
        typer.Option("--channel", help="Where, * for any text; may be repeated.", show_default="downloads"),
    ] = None,
    expires: Annotated[int, typer.Option(min=1, help="Seconds for which it holds.")] = 3600,
    private_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM file of an RSA private key, instead of SIMULCAST_TOKEN_SECRET."),
    ] = None,
) -> None:
    """Print a token that a client may send."""
    import jwt

    from simulcast.errors import CommandError

    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise CommandError(f"there is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}")
    algorithm, key = _key(private_key_file)
    claims = {
        "aud": AUDIENCE,
        "exp": int(time.time()) + expires,
        "scope": " ".join(dict.fromkeys(scopes)),
        "channels": channels or ["downloads"],
    }
    try:
        typer.echo(jwt.encode(claims, key, algorithm))
    except (jwt.PyJWTError, TypeError, AttributeError) as error:  # a password is wanted; a public key can't sign
        raise CommandError("the key can't sign: give an RSA private key without a password") from error


def _key(private_key_file: Path | None) -> tuple[str, str]:
    """The algorithm and the key to sign with. Raises CommandError, SettingRefused."""
    from simulcast.errors import CommandError
    from simulcast.settings.access import AccessSettings

    if private_key_file is not None:
        try:
            return "RS256", private_key_file.read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise CommandError(f"--private-key-file {private_key_file} can't be read: name a PEM file") from error
    algorithm, key = AccessSettings.from_environment(token_public_key_file="").token_key()
    if not algorithm:
        raise CommandError("there is nothing to sign with: set SIMULCAST_TOKEN_SECRET, or give --private-key-file")
    return algorithm, key
