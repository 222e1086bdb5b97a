"""Names and values of a token's claims (RFC 7519)."""

from typing import Final, Literal, get_args

Scope = Literal["watch", "command", "publish", "files", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
AUDIENCE: Final = "simulcast"
