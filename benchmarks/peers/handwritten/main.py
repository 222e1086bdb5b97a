"""The loop that everybody writes first: one task, `await websocket.send_text()` for each client, one after another."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

connections: set[WebSocket] = set()


async def broadcast() -> None:
    pubsub = redis.asyncio.from_url(os.environ["REDIS_URL"]).pubsub()
    await pubsub.subscribe("bench")
    async for message in pubsub.listen():
        if message["type"] != "message":
            continue
        text = message["data"].decode()
        for websocket in list(connections):
            try:
                await websocket.send_text(text)
            except (WebSocketDisconnect, RuntimeError):
                connections.discard(websocket)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(broadcast())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.websocket("/ws")
async def serve(websocket: WebSocket) -> None:
    await websocket.accept()
    connections.add(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        connections.discard(websocket)


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,  # a busy server would cut its clients for pongs that it has not read
        log_level="warning",
        backlog=4096,
    )
