"""A keeper of jobs for one test."""

from collections.abc import Iterator

import pytest

from simulcast import background
from tests.valkey import Valkey


@pytest.fixture
def keeper(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A keeper of the shared server, for this test alone."""
    monkeypatch.setenv("REDIS_URL", valkey.url)
    background._shared.clear()
    yield
    for shared in list(background._shared.values()):
        shared.close()
    background._shared.clear()
