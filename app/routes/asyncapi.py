"""`/asyncapi.json`: the messages of `/ws` and `/events` (AsyncAPI 3.0); `/messages.schema.json`: their JSON Schema."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from app.routes.openapi import TOKEN_SCHEME
from simulcast.model.action_schemas import ACTION_MESSAGES
from simulcast.model.message_schemas import SERVER_MESSAGES, json_schema, message_schemas
from simulcast.model.messages import CommandError, CommandResult
from simulcast.version import version

_SCHEMAS = "#/components/schemas/"
_ANSWERS = (CommandResult, CommandError)
_STREAMED = tuple(kind for kind in SERVER_MESSAGES if kind not in _ANSWERS)
_QUERY = {
    "type": "object",
    "properties": {
        "channel": {"type": "array", "items": {"type": "string"}, "description": "the channels to follow"},
        "since": {"type": "string", "description": "the last `event_id` that the client has; `a:…,b:…` for several"},
        "download_id": {"type": "string", "description": "only the events of that download"},
        "interval_ms": {"type": "integer", "maximum": 60_000, "description": "at most one batch in that time"},
    },
}


def asyncapi(secured: bool, host: str = "localhost:8080", scheme: str = "http", root_path: str = "") -> dict[str, Any]:
    """Return the document. `host`, `scheme` and `root_path`: where this front-end was reached."""
    security = {"security": [{"$ref": "#/components/securitySchemes/token"}]} if secured else {}
    at = {"host": host, "pathname": root_path or "/", **security}
    tls = "s" if scheme in ("https", "wss") else ""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Simulcast",
            "version": version() or "0",
            "description": "Progress events, live. A client ignores types and members that it does not know.",
        },
        "defaultContentType": "application/json",
        "servers": {"websocket": {"protocol": f"ws{tls}", **at}, "http": {"protocol": f"http{tls}", **at}},
        "channels": {
            "ws": {
                "address": "/ws",
                "title": "WebSocket",
                "description": "Text frames, one JSON object each; `hello` and `position` in simulcast.v1 only. In "
                "simulcast.v1.joined a frame may have several, with U+001E between two.",
                "servers": [{"$ref": "#/servers/websocket"}],
                "messages": _references((*SERVER_MESSAGES, *ACTION_MESSAGES)),
                "bindings": {"ws": {"method": "GET", "query": _QUERY}},
            },
            "events": {
                "address": "/events",
                "title": "Server-sent events",
                "description": "The same events, as `data` of an event stream, whose `id` is the position.",
                "servers": [{"$ref": "#/servers/http"}],
                "messages": _references(_STREAMED),
            },
        },
        "operations": {
            "sendEvents": _operation("send", "ws", "Send events to a client.", _STREAMED),
            "receiveCommands": {
                **_operation("receive", "ws", "Receive the commands of a client.", ACTION_MESSAGES),
                "reply": {"channel": {"$ref": "#/channels/ws"}, "messages": _messages("ws", _ANSWERS)},
            },
            "streamEvents": _operation("send", "events", "Send events to a client without a WebSocket.", _STREAMED),
        },
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in (*SERVER_MESSAGES, *ACTION_MESSAGES)},
            "schemas": message_schemas(_SCHEMAS),
            **({"securitySchemes": {"token": TOKEN_SCHEME}} if secured else {}),
        },
    }


def add_asyncapi(app: FastAPI, *, requires_token: bool) -> None:
    """Add both routes."""

    @app.api_route("/asyncapi.json", methods=["GET", "HEAD"], include_in_schema=False)
    async def describe(request: Request) -> JSONResponse:
        root_path = str(request.scope.get("root_path", "")).rstrip("/")
        return JSONResponse(asyncapi(requires_token, request.url.netloc, request.url.scheme, root_path))

    @app.api_route("/messages.schema.json", methods=["GET", "HEAD"], include_in_schema=False)
    async def schema() -> JSONResponse:
        return JSONResponse(json_schema(), media_type="application/schema+json")


def _message(kind: type) -> dict[str, Any]:
    return {"name": kind.__name__, "summary": kind.__doc__, "payload": {"$ref": f"{_SCHEMAS}{kind.__name__}"}}


def _references(kinds: Iterable[type]) -> dict[str, Any]:
    return {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in kinds}


def _messages(channel: str, kinds: Iterable[type]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{channel}/messages/{kind.__name__}"} for kind in kinds]


def _operation(action: str, channel: str, summary: str, kinds: Iterable[type]) -> dict[str, Any]:
    reference = {"$ref": f"#/channels/{channel}"}
    return {"action": action, "channel": reference, "summary": summary, "messages": _messages(channel, kinds)}
