"""The application's decision about a connection, and the token that a WebSocket may send as its first message."""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from simulcast.frontend.grant import Grant
from simulcast.model.close_codes import MAX_REASON_BYTES, Reconnect, Stop
from simulcast.model.repeated import unique_members

AUTHENTICATION_TIMEOUT_S = 10.0  # from the handshake to the first message
DECISION_TIMEOUT_S = 30.0  # how long the application may think about a client
NO_TOKEN_REASON = f"no token came within {AUTHENTICATION_TIMEOUT_S:.0f} s: send one first"
Argument = TypeVar("Argument")


@dataclass(frozen=True, slots=True)
class TokenInFirstMessage:
    """The decision that a WebSocket must send its token as its first message, since browsers can set no header.

    `verify` gets the token, and decides as `authorize` does.
    """

    verify: Callable[[str], Grant | Awaitable[Grant | None] | None]


Decision = Grant | TokenInFirstMessage | None
Outcome = Decision | HTTPException  # the decision, or the error that the application raised instead
Authorize = Callable[[HTTPConnection], Decision | Awaitable[Decision]]


async def decide(function: Callable[[Argument], Decision | Awaitable[Decision]], argument: Argument) -> Decision:
    """Call the application's function; one that is no coroutine function runs in a thread, since it may block.

    Raises HTTPException 503 where no decision comes within DECISION_TIMEOUT_S.
    """
    try:
        async with asyncio.timeout(DECISION_TIMEOUT_S) as timeout:
            if inspect.iscoroutinefunction(function):
                decision = await function(argument)
            else:
                decision = await to_thread.run_sync(function, argument, abandon_on_cancel=True)
                decision = await decision if inspect.isawaitable(decision) else decision
    except TimeoutError:
        if not timeout.expired():
            raise
        raise HTTPException(
            503, "the application did not decide about this client in time", {"retry-after": "2"}
        ) from None
    if decision is not None and not isinstance(decision, Grant | TokenInFirstMessage):
        raise TypeError(f"authorize returned {type(decision).__name__}: it must return a Grant, or None to refuse")
    return decision


def admit(outcome: Outcome, channels: Sequence[str]) -> Grant | TokenInFirstMessage:
    """Return the grant, which lets the client watch the channels, or how to get one.

    Raises HTTPException for a client that is refused.
    """
    if isinstance(outcome, HTTPException):
        raise outcome
    return outcome if isinstance(outcome, TokenInFirstMessage) else require_watch(outcome, channels)


def require_watch(grant: Grant | None, channels: Sequence[str]) -> Grant:
    """Return the grant if it lets a client watch the channels. Raises HTTPException 403 if not."""
    if grant is None:
        raise HTTPException(403, "this client may not connect here")
    for channel in channels:
        if reason := grant.refusal("watch", channel):
            raise HTTPException(403, reason)
    return grant


class FirstMessageRefused(Exception):
    """The first message brings no grant: the connection is closed with the code and the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")


ChannelsOf = Callable[[Grant], Sequence[str]]  # those that a client with that grant wants to watch


async def authenticate(websocket: WebSocket, decision: TokenInFirstMessage, channels: ChannelsOf) -> Grant | None:
    """Wait for the first message and return its token's grant; None once the connection is closed or lost."""
    try:
        async with asyncio.timeout(AUTHENTICATION_TIMEOUT_S):
            message = await websocket.receive()
    except TimeoutError:
        await websocket.close(Stop.BAD_TOKEN, NO_TOKEN_REASON)
        return None
    if message["type"] == "websocket.disconnect":
        return None
    try:
        return await verify_first_message(decision, message.get("text") or "", channels)
    except FirstMessageRefused as error:
        await websocket.close(error.code, error.reason)
        return None


async def verify_first_message(decision: TokenInFirstMessage, text: str, channels: ChannelsOf) -> Grant:
    """Return the grant of the token in a first message. Raises FirstMessageRefused."""
    token = parse_token(text)
    if token is None:
        raise FirstMessageRefused(Stop.BAD_TOKEN, 'the first message here is {"action":"authenticate","token":"…"}')
    try:
        grant = await decide(decision.verify, token)
        return require_watch(grant, channels(grant)) if isinstance(grant, Grant) else require_watch(None, ())
    except HTTPException as error:
        codes = {401: Stop.BAD_TOKEN, 503: Reconnect.TRY_AGAIN_LATER}
        raise FirstMessageRefused(codes.get(error.status_code, Stop.NOT_ALLOWED), error.detail) from None


def parse_token(text: str) -> str | None:
    """Return the token of an `authenticate` message; None for any other text."""
    try:
        message = json.loads(text, object_pairs_hook=unique_members)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("action") != "authenticate":
        return None
    token = message.get("token")
    return token if isinstance(token, str) else None


async def call_authorize(authorize: Authorize, connection: HTTPConnection) -> Outcome:
    """Return the decision of the application, or the error that it raised instead."""
    try:
        return await decide(authorize, connection)
    except HTTPException as error:
        return error
