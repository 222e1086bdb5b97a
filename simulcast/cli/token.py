"""`simulcast token`: signs a token for a client. The key comes from the environment or a file, never as an argument."""

import json
import secrets
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from simulcast.cli.commands import Json, command
from simulcast.errors import CommandError
from simulcast.model.token_claims import AUDIENCE, SCOPES


@command(
    "simulcast token --scope watch --scope command --expires 86400",
    notes="From the environment: SIMULCAST_TOKEN_SECRET.",
)
def token(
    scopes: Annotated[
        list[str],
        typer.Option(
            "--scope", metavar="SCOPE", help=f"A right of the token's bearer: {', '.join(SCOPES)}; may be repeated."
        ),
    ],
    channels: Annotated[
        list[str] | None,
        typer.Option(
            "--channel",
            metavar="CHANNEL",
            help="A channel of those rights; * stands for any text; may be repeated.",
            show_default="the user's own where there are such, else downloads",
        ),
    ] = None,
    expires: Annotated[int, typer.Option(metavar="SECONDS", min=1, help="Time until the token expires.")] = 3600,
    user: Annotated[str, typer.Option(metavar="USER", help="The user whose token it is (the claim sub).")] = "",
    private_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="PEM file of a private key, RSA, EC P-256 or Ed25519, instead of SIMULCAST_TOKEN_SECRET.",
        ),
    ] = None,
    key_id: Annotated[str, typer.Option(metavar="NAME", help="The name of that key in its key set (kid).")] = "",
    as_json: Json = False,
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
        "jti": secrets.token_hex(16),
        **({"channels": channels} if channels else {}),
        **({"sub": user} if user else {}),
    }
    signed = jwt.encode(claims, key, algorithm, {"kid": key_id} if key_id else None)
    typer.echo(json.dumps({"token": signed, "expires_at": claims["exp"]}) if as_json else signed)


def _read_key(private_key_file: Path | None) -> tuple[str, Any]:
    """Return the algorithm and the key to sign with. Raises CommandError, SettingRefused."""
    from simulcast.settings.access import AccessSettings

    if private_key_file is not None:
        return _read_private_key(private_key_file)
    settings = AccessSettings.from_environment(token_public_key_file="", token_jwks_url="")
    if not settings.token_keys():
        raise CommandError("there is nothing to sign with: set SIMULCAST_TOKEN_SECRET, or give --private-key-file")
    return "HS256", settings.token_secret


def _read_private_key(file: Path) -> tuple[str, Any]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from simulcast.settings.token_keys import algorithm_of

    try:
        pem = file.read_bytes()
    except OSError as error:
        raise CommandError(f"--private-key-file {file} can't be read: name a PEM file") from error
    try:
        key = load_pem_private_key(pem, None)
        algorithm = algorithm_of(key.public_key())
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        algorithm = ""  # it needs a password, or is a public one
    if not algorithm:
        raise CommandError("the key can't sign: give a private key, RSA, EC P-256 or Ed25519, without a password")
    return algorithm, key
