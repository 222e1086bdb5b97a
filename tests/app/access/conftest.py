"""A front-end with users."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.app.access.users import fill
from tests.programs import one_front_end
from tests.service import FrontEnd
from tests.signed_tokens import SECRET


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    folder = tmp_path_factory.mktemp("users")
    with one_front_end(
        folder,
        SIMULCAST_TOKEN_SECRET=SECRET,
        SIMULCAST_USER_CHANNELS="user.",
        SIMULCAST_FILES_DIR=str(folder),
    ) as front_end:
        asyncio.run(fill(front_end))
        yield front_end
