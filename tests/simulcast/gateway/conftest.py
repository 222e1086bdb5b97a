"""A server that is up, and one that is not there yet."""

from collections.abc import AsyncIterator

import pytest

from tests.gateway_server import FakeServer


@pytest.fixture
async def absent() -> AsyncIterator[FakeServer]:
    """A server that has a port and is not up."""
    fake_server = FakeServer()
    yield fake_server
    await fake_server.gone()


@pytest.fixture
async def fake_server(absent: FakeServer) -> FakeServer:
    """A server that is up."""
    await absent.go_up()
    return absent
