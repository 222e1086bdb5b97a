"""What a request may do: the bearer's token it carries, and the refusal where that isn't enough (RFC 6750)."""

import math
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

from fastapi import HTTPException, Request
from starlette.requests import HTTPConnection

from app.access.grant import FULL_ACCESS, Grant
from app.access.tokens import TokenRefused, TokenVerifier
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.token_claims import Scope

_CHALLENGE = 'Bearer realm="simulcast"'


def bearer(connection: HTTPConnection) -> str | None:
    """The token of the header Authorization, if there is one."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def authorize(connection: HTTPConnection, scope: Scope, channels: Iterable[str], token: str | None) -> Grant:
    """What `token` grants, which includes the scope in each of the channels; everything where none is wanted.

    Raises HTTPException: 401 where the token is missing or not valid, 403 where it doesn't allow that.
    """
    tokens = cast(TokenVerifier | None, connection.app.state.tokens)
    if tokens is None:
        return FULL_ACCESS
    if token is None:
        raise HTTPException(
            401,
            "a token is wanted here: send the header Authorization: Bearer …; `simulcast token` makes one",
            {"www-authenticate": _CHALLENGE},
        )
    try:
        grant = tokens.grant(token)
    except TokenRefused as error:
        raise HTTPException(401, str(error), {"www-authenticate": f'{_CHALLENGE}, error="invalid_token"'}) from error
    for channel in channels:
        if refusal := grant.refusal(scope, channel):
            challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'
            raise HTTPException(403, refusal, {"www-authenticate": challenge})
    return grant


def seconds_left(grant: Grant) -> float | None:
    """Until it expires; None if it never does."""
    return grant.expires_at - time.time() if math.isfinite(grant.expires_at) else None


def require_scope(scope: Scope) -> Callable[[Request], Awaitable[Grant]]:
    """A dependency of routes: the scope, in the channel that the path names, else in that of the downloads."""

    async def authorized(request: Request) -> Grant:
        channel = request.path_params.get("channel", DEFAULT_CHANNEL)
        return authorize(request, scope, [channel], bearer(request))

    return authorized
