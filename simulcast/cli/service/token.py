"""The token that a command sends."""

from pathlib import Path

from simulcast.cli.service.address import ServiceAddress
from simulcast.errors import CommandError

REMEDY = "; set SIMULCAST_TOKEN to what `simulcast token --scope watch` prints where the service runs, or give --token"


def check_token(address: ServiceAddress, token: str) -> None:
    """Raise CommandError where a request would need two headers Authorization."""
    if token and address.websocket.uri.user_info:
        raise CommandError(f"--url {address} has a user, and a token is given: a request can carry one of them")


def read_token(token: str) -> str:
    """Return the token, from its file where it begins with @. Raises CommandError, which doesn't repeat it."""
    if token.startswith("@"):
        try:
            token = Path(token[1:]).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise CommandError(f"--token {token} can't be read: name a file with a token in it") from error
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CommandError(f"--token is no token: it has no spaces and no other letters than those of ASCII{REMEDY}")
    return token
