"""Fixtures: front-ends and a queue's own server, for all tests of a module."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from tests.adapters.audience import Audience, Service, audience_of
from tests.service import FrontEnd
from tests.valkey import Valkey


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("adapters")
    with ExitStack() as stack:
        servers = [Valkey(folder / name).start() for name in ("valkey", "queue")]
        for server in servers:
            stack.callback(server.stop)
        front_ends = [FrontEnd(servers[0].url, folder / f"front-end-{number}.log") for number in range(2)]
        for front_end in front_ends:
            stack.callback(front_end.stop)
        asyncio.run(_until_ready(front_ends))
        yield Service(folder, servers[0], servers[1], front_ends[0], front_ends[1])


async def _until_ready(front_ends: list[FrontEnd]) -> None:
    for front_end in front_ends:
        await front_end.ready()


@pytest.fixture
async def audience(service: Service) -> AsyncIterator[Audience]:
    async with audience_of(service) as audience:
        yield audience
