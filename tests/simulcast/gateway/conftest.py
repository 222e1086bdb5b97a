"""A server that is up, and one that is not there yet."""

from collections.abc import AsyncIterator

import pytest

from tests.gateway_server import Station


@pytest.fixture
async def absent() -> AsyncIterator[Station]:
    """A server that has a port and is not up."""
    station = Station()
    yield station
    await station.gone()


@pytest.fixture
async def station(absent: Station) -> Station:
    """A server that is up."""
    await absent.go_up()
    return absent
