"""The Python client and its token, against the real server."""

import asyncio
import itertools
import logging
import time

import pytest

from simulcast.gateway import Gateway
from tests.conditions import until
from tests.gateway_server import FakeServer, Received
from tests.http_requests import request
from tests.service import FrontEnd
from tests.signed_tokens import token


@pytest.mark.parametrize("is_async", [False, True])
async def test_it_comes_back_at_once_with_another_token_and_misses_nothing(guarded: FrontEnd, is_async: bool) -> None:
    seconds = itertools.chain([3], itertools.repeat(60))
    asked = []

    def fresh() -> str:
        asked.append(token(exp=int(time.time()) + next(seconds)))
        return asked[-1]

    async def fresh_later() -> str:
        await asyncio.sleep(0)
        return fresh()

    received = Received()
    gateway = Gateway("127.0.0.1", guarded.port, token=fresh_later if is_async else fresh, reconnect_delay_s=3600)
    received.by(gateway)
    async with gateway:
        await request(
            guarded, "POST", "/channels/downloads/publish", token("publish"), {"type": "before", "n": is_async}
        )
        await until(lambda: received.statuses == [True, False, True], "the token's end and the return")
        await request(
            guarded, "POST", "/channels/downloads/publish", token("publish"), {"type": "after", "n": is_async}
        )
        await until(lambda: received.messages and '"after"' in received.messages[-1], "what is published then")
    assert len(asked) == 2
    assert len(received.messages) == len(set(received.messages))
    assert any('"before"' in text for text in received.messages)


async def test_a_fixed_token_that_expires_ends_it_and_says_so(
    guarded: FrontEnd, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Gateway("127.0.0.1", guarded.port, token=token(exp=int(time.time()) + 3), reconnect_delay_s=0.01)
    async with asyncio.timeout(20), gateway:
        async for _ in gateway:
            pass  # it ends by itself
    assert "4419 'the token has expired'; no attempt follows" in caplog.text
    assert "eyJ" not in caplog.text


async def test_a_fixed_token_that_is_refused_ends_it_and_says_so(
    guarded: FrontEnd, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Gateway("127.0.0.1", guarded.port, token=token("command"), reconnect_delay_s=0.01)
    async with asyncio.timeout(20), gateway:
        async for _ in gateway:
            pass
    assert "HTTP 403" in caplog.text and "doesn't have the scope watch" in caplog.text


async def test_a_token_that_is_not_to_be_had_is_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    fake_server = FakeServer()
    await fake_server.go_up()
    answers = iter([RuntimeError("no issuer"), 7, "abc"])

    def fresh() -> str:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[return-value]

    caplog.set_level(logging.WARNING, "simulcast.gateway")
    gateway = Gateway("127.0.0.1", fake_server.port, token=fresh, reconnect_delay_s=0.01)
    async with gateway:
        await until(lambda: gateway.is_websocket_connected, "the third attempt")
        assert fake_server.clients[0].request is not None
        assert fake_server.clients[0].request.headers["authorization"] == "Bearer abc"
    assert "no issuer" in caplog.text and "no token" in caplog.text
    await fake_server.gone()
