"""Who may join at `/ws`: by a token with the handshake, or by one in the first message."""

import asyncio
import json
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.websockets import WebSocket

from app.access.grant import Grant
from app.access.permissions import authorize, bearer
from simulcast.model.close_codes import Stop

AUTHENTICATION_TIMEOUT_S = 10.0
_BEARER_PREFIX = "bearer."
MAX_CLOSE_REASON_BYTES = 123  # RFC 6455 §5.5: a control frame has at most 125, and two are the code


def admit(websocket: WebSocket, channels: Sequence[str]) -> Grant | None:
    """What the handshake's token grants, which the client may watch; None if it is to come in the first message.

    Raises HTTPException as `permit` does.
    """
    offered: list[str] = websocket.scope.get("subprotocols", [])
    token = bearer(websocket)
    if token is None:
        token = next((name.removeprefix(_BEARER_PREFIX) for name in offered if name.startswith(_BEARER_PREFIX)), None)
    if token is None and websocket.app.state.tokens is not None:
        return None
    return authorize(websocket, "watch", channels, token)


async def authenticate(websocket: WebSocket, channels: Sequence[str]) -> Grant | None:
    """What the first message's token grants, or None: then the connection is closed, or gone."""
    try:
        async with asyncio.timeout(AUTHENTICATION_TIMEOUT_S):
            message = await websocket.receive()
    except TimeoutError:
        await _close(
            websocket, Stop.BAD_TOKEN, f"no token came within {AUTHENTICATION_TIMEOUT_S:.0f} s: send one first"
        )
        return None
    if message["type"] == "websocket.disconnect":
        return None
    token = token_of(message.get("text") or "")
    if token is None:
        expected = 'the first message here is {"action":"authenticate","token":"…"}'
        await _close(websocket, Stop.BAD_TOKEN, expected)
        return None
    try:
        return authorize(websocket, "watch", channels, token)
    except HTTPException as error:
        await _close(websocket, Stop.BAD_TOKEN if error.status_code == 401 else Stop.NOT_ALLOWED, error.detail)
        return None


def token_of(text: str) -> str | None:
    """The token of an `authenticate` message; None for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("action") != "authenticate":
        return None
    token = found.get("token")
    return token if isinstance(token, str) else None


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    await websocket.close(code, reason.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore"))
