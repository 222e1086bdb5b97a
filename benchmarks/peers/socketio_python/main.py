"""python-socketio with its Redis manager, on uvicorn and uvloop; WebSocket only, nothing compressed."""

import os
from urllib.parse import parse_qs

import socketio
import uvicorn

server = socketio.AsyncServer(
    async_mode="asgi",
    client_manager=socketio.AsyncRedisManager(os.environ["REDIS_URL"]),
    transports=["websocket"],
    http_compression=False,
    cors_allowed_origins="*",
    logger=False,
)


@server.event
async def connect(sid: str, environ: dict[str, str]) -> None:
    for channel in parse_qs(environ.get("QUERY_STRING", "")).get("channel", ()):
        await server.enter_room(sid, channel)


if __name__ == "__main__":
    uvicorn.run(
        socketio.ASGIApp(server),
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,  # a busy server would cut its clients for pongs that it has not read
        log_level="warning",
        backlog=4096,
    )
