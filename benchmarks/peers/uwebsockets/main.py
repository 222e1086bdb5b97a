"""uWebSockets, by socketify: all clients subscribe to one topic, and one task reads Redis."""

import asyncio
import os

import redis.asyncio
from socketify import App, AppListenOptions, CompressOptions, OpCode

TOPIC = "bench"
MAX_BACKPRESSURE_BYTES = 64 * 1024 * 1024  # what a client may leave unread: none of a burst is dropped

app = App()


async def broadcast() -> None:
    pubsub = redis.asyncio.from_url(os.environ["REDIS_URL"]).pubsub()
    await pubsub.subscribe(TOPIC)
    async for message in pubsub.listen():
        if message["type"] == "message":
            app.publish(TOPIC, message["data"], OpCode.TEXT)


if __name__ == "__main__":
    app.ws(
        "/ws",
        {
            "compression": CompressOptions.DISABLED,
            "max_backpressure": MAX_BACKPRESSURE_BYTES,
            "idle_timeout": 0,
            "open": lambda ws: ws.subscribe(TOPIC),
        },
    )
    app.listen(AppListenOptions(port=int(os.environ["PORT"]), host="127.0.0.1"))
    # A task of asyncio: one of socketify's own ended as soon as hundreds of clients came.
    reading = asyncio.Task(broadcast(), loop=app.loop.loop)
    app.run()
