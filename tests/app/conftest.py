"""A front-end that wants tokens."""

from collections.abc import Iterator

import pytest

from tests.programs import one_front_end
from tests.service import FrontEnd
from tests.signed_tokens import SECRET


@pytest.fixture(
    scope="package", params=[pytest.param(True, id="raw"), pytest.param(False, id="messages", marks=pytest.mark.long)]
)
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    """One for all tests here, once as `python -m app` and once as plain uvicorn. No token is ever in its log."""
    folder = tmp_path_factory.mktemp("guarded")
    with one_front_end(folder, raw=request.param, SIMULCAST_TOKEN_SECRET=SECRET) as program:
        yield program
