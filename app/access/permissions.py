"""The permissions of a connection: the bearer token it carries, and the refusal where that isn't enough (RFC 6750)."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import HTTPException, Query, Request
from starlette.requests import HTTPConnection

from app.access.keys import KeysUnavailable
from app.access.tokens import TokenRefused, TokenVerifier
from simulcast.errors import BrokerUnavailable
from simulcast.frontend.authorization import Authorize, Decision, TokenInFirstMessage
from simulcast.frontend.grant import FULL_ACCESS, Grant
from simulcast.frontend.services import RETRY_AFTER
from simulcast.model.channel import CHANNEL_PATTERN, DEFAULT_CHANNEL
from simulcast.model.token_claims import Scope

_CHALLENGE = 'Bearer realm="simulcast"'
_BEARER_PREFIX = "bearer."  # of a subprotocol, since browsers can send no header with a WebSocket


def client_authorizer(tokens: TokenVerifier) -> Authorize:
    """Return the decision about clients of `/ws` and `/events`, for the front-end."""

    async def authorize_client(connection: HTTPConnection) -> Decision:
        token = bearer_token(connection)
        channels = connection.query_params.getlist("channel") or [""]
        if connection.scope["type"] == "websocket":
            offered: list[str] = connection.scope.get("subprotocols", [])
            named = (name.removeprefix(_BEARER_PREFIX) for name in offered if name.startswith(_BEARER_PREFIX))
            token = next(named, None) if token is None else token
            if token is None:
                return TokenInFirstMessage(verify_first)
        grant = await authorize(tokens, token, "watch", channels)
        connection.state.user = grant.user
        return grant

    async def verify_first(token: str) -> Grant:
        return await authorize(tokens, token, "watch", [])

    return authorize_client


@dataclass(frozen=True, slots=True)
class Access:
    """A request's permission. `channel`: the one that it is about."""

    grant: Grant
    channel: str


def require_scope(scope: Scope) -> Callable[[Request], Awaitable[Grant]]:
    """Return a dependency of routes: the scope, in the channel that the path names."""

    async def authorize_request(request: Request) -> Grant:
        return await _authorize(request, scope, [request.path_params["channel"]])

    return authorize_request


ChannelQuery = Annotated[
    str | None,
    Query(pattern=f"^{CHANNEL_PATTERN}$", description=f"without it, the user's own, or {DEFAULT_CHANNEL}"),
]


def require_scope_in_query(scope: Scope) -> Callable[..., Awaitable[Access]]:
    """Return a dependency of routes: the scope, in the channel that `?channel=` names, else in that of the token."""

    async def authorize_request(request: Request, channel: ChannelQuery = None) -> Access:
        grant = await _authorize(request, scope, [channel or ""])
        return Access(grant, grant.channel(channel or "", DEFAULT_CHANNEL))

    return authorize_request


def require_scope_everywhere(scope: Scope) -> Callable[[Request], Awaitable[Grant]]:
    """Return a dependency of routes that tell of all channels: the scope in each of them, by the pattern `*`."""

    async def authorize_request(request: Request) -> Grant:
        return await _authorize(request, scope, ["*"])

    return authorize_request


def require_scope_anywhere(scope: Scope) -> Callable[[Request], Awaitable[Grant]]:
    """Return a dependency of routes that check each channel themselves: the scope, in whatever channels."""

    async def authorize_request(request: Request) -> Grant:
        grant = await _authorize(request, scope, [])
        if not grant.has(scope):
            raise _insufficient_scope(grant, scope, "")
        return grant

    return authorize_request


def bearer_token(connection: HTTPConnection) -> str | None:
    """Return the token of the header Authorization, if there is one."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


async def _authorize(request: Request, scope: Scope, channels: Iterable[str]) -> Grant:
    """As `authorize`, with the token of the request, whose user the logs name then."""
    grant = await authenticate(cast(TokenVerifier | None, request.app.state.tokens), bearer_token(request))
    request.state.user = grant.user
    return check_scope(grant, scope, channels)


async def authorize(tokens: TokenVerifier | None, token: str | None, scope: Scope, channels: Iterable[str]) -> Grant:
    """Return the grant of `token`, which includes the scope in each channel; everything without tokens configured.

    A channel of "" is that of requests that name none. Raises HTTPException: 401 where the token is missing or not
    valid, 403 where it doesn't allow that, 503 while its key, or the revoked tokens, can't be looked up.
    """
    return check_scope(await authenticate(tokens, token), scope, channels)


async def authenticate(tokens: TokenVerifier | None, token: str | None) -> Grant:
    """Return the grant of `token`. Raises HTTPException 401 and 503, as `authorize`."""
    if tokens is None:
        return FULL_ACCESS
    if token is None:
        raise HTTPException(
            401,
            "a token is wanted here: send the header Authorization: Bearer …; `simulcast token` makes one",
            {"www-authenticate": _CHALLENGE},
        )
    try:
        return await tokens.grant(token)
    except (KeysUnavailable, BrokerUnavailable) as error:
        raise HTTPException(503, str(error), RETRY_AFTER) from error
    except TokenRefused as error:
        raise HTTPException(401, str(error), {"www-authenticate": f'{_CHALLENGE}, error="invalid_token"'}) from error


def check_scope(grant: Grant, scope: Scope, channels: Iterable[str]) -> Grant:
    """Return the grant if it includes the scope in each channel, as `authorize`. Raises HTTPException 403."""
    for named in channels:
        channel = grant.channel(named, DEFAULT_CHANNEL)
        if not grant.allows(scope, channel):
            raise _insufficient_scope(grant, scope, channel)
    return grant


def _insufficient_scope(grant: Grant, scope: Scope, channel: str) -> HTTPException:
    challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'
    return HTTPException(403, grant.refusal(scope, channel), {"www-authenticate": challenge})
