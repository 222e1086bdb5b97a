"""The control: the server of a tutorial, FastAPI and Redis Pub/Sub in forty lines. The checker must convict it.

python -m benchmarks.faults.naive
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

connections: set[WebSocket] = set()


async def broadcast() -> None:
    """One task, and `await websocket.send_text()` for each client, one after another."""
    pubsub = redis.asyncio.from_url(os.environ["REDIS_URL"]).pubsub()
    await pubsub.subscribe("downloads")
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
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(broadcast())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.websocket("/ws")
async def serve(websocket: WebSocket) -> None:
    await websocket.accept()
    connections.add(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        connections.discard(websocket)


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["SIMULCAST_PORT"]), timeout_graceful_shutdown=2)
