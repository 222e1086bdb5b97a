"""encode/broadcaster as its README shows it: one subscriber and one queue a client."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from broadcaster import Broadcast
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

broadcast = Broadcast(os.environ["REDIS_URL"])


async def hold() -> None:
    """Subscribes before the clients do, twice, or the peer delivers nothing.

    Two first subscribers at once lose one another (the set is replaced after an await), and its reader stops for good
    when it looks before the first SUBSCRIBE was sent; a second one wakes it.
    """
    async with broadcast.subscribe(channel="bench") as subscriber, broadcast.subscribe(channel="wake"):
        async for _ in subscriber:
            pass


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    await broadcast.connect()
    task = asyncio.create_task(hold())
    yield
    task.cancel()
    await broadcast.disconnect()


app = FastAPI(lifespan=lifespan)


async def send(websocket: WebSocket) -> None:
    async with broadcast.subscribe(channel=websocket.query_params.get("channel", "bench")) as subscriber:
        async for event in subscriber:
            await websocket.send_text(event.message)


@app.websocket("/ws")
async def serve(websocket: WebSocket) -> None:
    await websocket.accept()
    sender = asyncio.create_task(send(websocket))
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        sender.cancel()


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
