"""`simulcast token`: signs a token for a client. The key comes from the environment or a file, never as an argument."""

import time
from pathlib import Path
from typing import Annotated

import typer

from simulcast.cli.app import app
from simulcast.errors import CommandError
from simulcast.model.token_claims import AUDIENCE, SCOPES


@app.command(epilog="From the environment: SIMULCAST_TOKEN_SECRET.")
def token(
    scopes: Annotated[
        list[str],
        typer.Option("--scope", help=f"A right of the token's bearer: {', '.join(SCOPES)}; may be repeated."),
    ],
    channels: Annotated[
        list[str] | None,
        typer.Option(
            "--channel",
            help="A channel of those rights; * stands for any text; may be repeated.",
            show_default="downloads",
        ),
    ] = None,
    expires: Annotated[int, typer.Option(min=1, help="Seconds until the token expires.")] = 3600,
    private_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM file of an RSA private key, instead of SIMULCAST_TOKEN_SECRET."),
    ] = None,
) -> None:
    """Print a token that a client may send."""
    import jwt

    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise CommandError(f"there is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}")
    algorithm, key = _read_key(private_key_file)
    claims = {
        "aud": AUDIENCE,
        "exp": int(time.time()) + expires,
        "scope": " ".join(dict.fromkeys(scopes)),
        "channels": channels or ["downloads"],
    }
    try:
        typer.echo(jwt.encode(claims, key, algorithm))
    except (jwt.PyJWTError, TypeError, AttributeError) as error:  # the key needs a password, or is a public one
        raise CommandError("the key can't sign: give an RSA private key without a password") from error


def _read_key(private_key_file: Path | None) -> tuple[str, str]:
    """Return the algorithm and the key to sign with. Raises CommandError, SettingRefused."""
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
