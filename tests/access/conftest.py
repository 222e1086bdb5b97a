"""A front-end that wants tokens."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.access.signing import SECRET
from tests.programs import until_ready
from tests.system.service import FrontEnd
from tests.valkey import Valkey


@pytest.fixture(scope="package", params=[True, False], ids=["raw", "messages"])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    """One for all tests here, once as `python -m app` and once as plain uvicorn. No token is ever in its log."""
    folder = tmp_path_factory.mktemp("guarded")
    server = Valkey(folder / "valkey").start()
    program = FrontEnd(server.url, folder / "front-end.log", raw=request.param, SIMULCAST_TOKEN_SECRET=SECRET)
    asyncio.run(until_ready(program))
    yield program
    program.stop()
    server.stop()
    assert "Traceback" not in program.output(), program.output()
    assert "eyJ" not in program.output(), program.output()
