"""The real server, and what a script in Node or in a browser may do to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
import redis.asyncio
import websockets
from aiohttp import web
from websockets.typing import Subprotocol

from simulcast.broker import Broker
from tests.conditions import eventually
from tests.programs import one_front_end
from tests.service import FrontEnd


class ControlledServer:
    """A front-end that may be killed and started again on its port, with a Valkey of its own."""

    def __init__(self, running: FrontEnd) -> None:
        self.port = running.port
        self.redis_url = running.redis_url
        self._running = running
        self._broker: Broker

    @asynccontextmanager
    async def emptied(self) -> AsyncIterator["ControlledServer"]:
        """Give the server to a test: it runs, no client is connected, and no channel has a past."""
        self._broker = Broker.connect(self.redis_url)
        try:
            if self._running.process.poll() is not None:
                await self.start()
            async with redis.asyncio.from_url(self.redis_url) as client:
                await client.flushall()
            for channel in ("downloads", "a", "b"):
                await self._forgets(channel)
            yield self
        finally:
            await self._broker.aclose()

    async def _forgets(self, channel: str) -> None:
        """Wait until the front-end, which asks once a second, is in the epoch that began with the emptiness."""
        hello = json.dumps(str((await self._broker.head(channel)).position))

        async def has_forgotten() -> bool:
            address = f"{self._running.ws}?channel={channel}"
            subprotocols = [Subprotocol("simulcast.v1")]
            async with websockets.connect(address, subprotocols=subprotocols, proxy=None) as client:
                return hello in str(await client.recv())

        await eventually(has_forgotten, f"a front-end without {channel}'s past")

    async def publish(self, event: dict[str, object], channel: str = "downloads") -> None:
        await self._broker.publish(event, channel)

    async def add(self, url: str) -> str:
        """Queue a download, for which there is no worker; return its id."""
        _, record = await self._running.post("/downloads", {"url": url})
        return str(record["download_id"])

    async def kill(self) -> None:
        await asyncio.to_thread(self._running.kill)

    async def start(self) -> None:
        self._running = FrontEnd(self.redis_url, self._running.log, port=self.port)
        await self._running.ready()

    def stop(self) -> None:
        self._running.stop()

    async def clients(self) -> object:
        """Return how many clients are connected."""
        return (await self._running.get("/ready"))[1]["clients"]

    async def do(self, name: str, *words: object) -> object:
        """Do what a script requests by name."""
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


@asynccontextmanager
async def controlled(server: ControlledServer) -> AsyncIterator[str]:
    """Serve `do` by HTTP, for Node; yield the address."""

    async def do(request: web.Request) -> web.Response:
        return web.json_response(await server.do(*json.loads(await request.text())))

    app = web.Application()
    app.router.add_post("/", do)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def restartable_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlledServer]:
    """One for a whole module: a front-end takes a second of processor time to start."""
    with one_front_end(tmp_path_factory.mktemp("controlled")) as front_end:
        server = ControlledServer(front_end)
        yield server
        server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def controlled_server(restartable_server: ControlledServer) -> AsyncIterator[ControlledServer]:
    async with restartable_server.emptied() as server:
        yield server
