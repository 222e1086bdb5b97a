"""The real server, and what a script in Node or in a browser may do to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio
from aiohttp import web

from simulcast.broker import Broker
from tests.programs import StartFrontEnd
from tests.service import FrontEnd, Program
from tests.valkey import Valkey


class World:
    """A running front-end that may be killed and started again on its port. `programs`: ended with the test."""

    def __init__(self, running: FrontEnd, redis_url: str, programs: list[Program]) -> None:
        self.port = running.port
        self._running = running
        self._redis_url = redis_url
        self._programs = programs
        self._broker = Broker.connect(redis_url)

    async def publish(self, event: dict[str, object], channel: str = "downloads") -> None:
        await self._broker.publish(event, channel)

    async def add(self, url: str) -> str:
        """Queues a download, for which there is no worker; returns its id."""
        _, record = await self._running.post("/downloads", {"url": url})
        return str(record["download_id"])

    async def kill(self) -> None:
        await asyncio.to_thread(self._running.kill)

    async def start(self) -> None:
        self._running = FrontEnd(self._redis_url, self._running.log, port=self.port)
        self._programs.append(self._running)
        await self._running.ready()

    async def clients(self) -> object:
        """How many are connected."""
        return (await self._running.get("/ready"))[1]["clients"]

    async def do(self, name: str, *words: object) -> object:
        """What a script asks for by name."""
        match name, words:
            case "publish", (dict() as event, *more):
                await self.publish(event, *map(str, more))
            case "kill", ():
                await self.kill()
            case "start", ():
                await self.start()
            case "clients", ():
                return await self.clients()
            case _:
                raise ValueError(f"there is nothing like {name}{words}")
        return None

    async def aclose(self) -> None:
        await self._broker.aclose()


@asynccontextmanager
async def controlled(world: World) -> AsyncIterator[str]:
    """Serves `do` by HTTP, for Node; gives the address."""

    async def do(request: web.Request) -> web.Response:
        return web.json_response(await world.do(*json.loads(await request.text())))

    app = web.Application()
    app.router.add_post("/", do)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module")
async def world(front_end: StartFrontEnd, own_valkey: Valkey, programs: list[Program]) -> AsyncIterator[World]:
    world = World(await front_end(), own_valkey.url, programs)
    yield world
    await world.aclose()
