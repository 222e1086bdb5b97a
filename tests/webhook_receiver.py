"""A receiver of webhooks: it writes down what comes, verifies the signature, and answers as a test wants."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from standardwebhooks import Webhook

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
Answer = Callable[[dict[str, object]], Awaitable[web.Response]]


async def thank(_: dict[str, object]) -> web.Response:
    return web.Response(status=204)


@dataclass
class Receiver:
    """`got`: id and event of each request, in order. `answer`: to an event."""

    url: str = ""
    answer: Answer = thank
    got: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        event = Webhook(SECRET).verify(body, dict(request.headers))
        self.got.append((request.headers["webhook-id"], json.loads(body)))
        assert event == json.loads(body)
        return await self.answer(self.got[-1][1])

    @property
    def events(self) -> list[dict[str, object]]:
        return [event for _, event in self.got]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Yield a receiver of this process, on a port of its own."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/ends", receiver.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/ends"
    try:
        yield receiver
    finally:
        await runner.cleanup()
