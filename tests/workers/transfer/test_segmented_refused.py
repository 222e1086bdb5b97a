"""A file that several connections began, where the server now answers requests for parts otherwise."""

import asyncio

import pytest

from tests.fetching import Download
from tests.scripted_server import Reply, Request, Server, answer, ranged
from tests.workers.transfer.segments import CONTENT, fetch_options
from workers.errors import HTTPStatusError
from workers.http.response import RemoteFile

pytestmark = pytest.mark.usefixtures("short_segments")
OTHER = CONTENT[::-1]
HALF = RemoteFile('"v1"', len(CONTENT), "", ((0, len(CONTENT) // 2),))


def for_parts(reply: Reply) -> Reply:
    """The reply to requests for parts; one for the whole gets a later version."""

    async def choose(request: Request, writer: asyncio.StreamWriter) -> None:
        await (reply if "range" in request.headers else ranged(OTHER, '"v2"'))(request, writer)

    return choose


@pytest.mark.parametrize("status", [204, 206, 304, 400, 405, 406, 411, 412, 414, 416, 417, 422, 431, 501])
async def test_where_parts_get_an_odd_answer_the_whole_is_asked_for(
    server: Server, download: Download, status: int
) -> None:
    """Else the error would be final, and each retry would repeat it."""
    odd = answer(status, {"Content-Length": "0"})
    await download.holding(CONTENT, HALF).fetch(server.at("/f", for_parts(odd)), fetch_options(1))
    assert download.part.read_bytes() == OTHER


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 451, 500, 503])
async def test_a_refusal_of_the_file_is_the_reason_and_keeps_what_is_there(
    server: Server, download: Download, status: int
) -> None:
    refusal = answer(status, {"Content-Length": "0"})
    with pytest.raises(HTTPStatusError, match=str(status)):
        await download.holding(CONTENT, HALF).fetch(server.at("/f", for_parts(refusal)), fetch_options())
    assert download.part.read_bytes() == CONTENT
