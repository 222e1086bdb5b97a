"""Server-sent events with a token."""

import time

import pytest

from tests.event_stream import stream
from tests.http_requests import request
from tests.service import FrontEnd
from tests.signed_tokens import token


async def test_the_stream_wants_watch_in_its_channels(guarded: FrontEnd) -> None:
    assert (await request(guarded, "GET", "/events")).status == 401
    assert (await request(guarded, "GET", "/events", token("command publish"))).status == 403
    both = "/events?channel=downloads&channel=other"
    assert (await request(guarded, "GET", both, token("watch"))).status == 403
    url = f"http://127.0.0.1:{guarded.port}/events"
    async with stream(url, authorization=f"Bearer {token('watch')}") as reader:
        await request(guarded, "POST", "/channels/downloads/publish", token("publish"), {"type": "the end"})
        assert "the end" in (await reader.collect("the end"))[-1]


async def test_the_stream_ends_with_its_token(guarded: FrontEnd) -> None:
    short = token("watch", exp=int(time.time()) + 3)
    async with stream(f"http://127.0.0.1:{guarded.port}/events", authorization=f"Bearer {short}") as reader:
        with pytest.raises(EOFError):
            await reader.collect("nothing says this")
    assert (await request(guarded, "GET", "/events", short)).status == 401
