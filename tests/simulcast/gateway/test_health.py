"""Asking whether the server runs."""

import asyncio
from http import HTTPStatus

import pytest

from simulcast.gateway import Gateway, Limits
from tests.conditions import DEADLINE_S
from tests.gateway_server import FakeServer, RawServer, raw_server


async def test_a_server_that_answers_is_running(fake_server: FakeServer) -> None:
    assert await Gateway("127.0.0.1", fake_server.port).is_server_running
    assert await fake_server.gateway("/base/ws?since=7-1").is_server_running
    assert fake_server.asked == []  # no WebSocket was opened for it


async def test_a_server_that_is_not_there_is_not_running(absent: FakeServer) -> None:
    assert not await absent.gateway().is_server_running


async def test_a_server_that_answers_with_an_error_is_not_running(fake_server: FakeServer) -> None:
    fake_server.refusal = HTTPStatus.SERVICE_UNAVAILABLE
    assert not await fake_server.gateway().is_server_running


async def test_a_server_that_hangs_is_not_running() -> None:
    async with raw_server(RawServer) as (port, _):
        gateway = Gateway("127.0.0.1", port, limits=Limits(health_timeout_s=0.05))
        assert await asyncio.wait_for(gateway.is_server_running, DEADLINE_S) is False


@pytest.mark.parametrize("answer", [b"", b"200 OK\r\n", b"HTTP/1.1 2000\r\n", b"x" * 2**17])
async def test_what_does_not_answer_in_http_is_not_running(answer: bytes) -> None:
    class Babble(RawServer):
        def data_received(self, data: bytes) -> None:
            self.transport.write(answer)
            self.transport.close()

    async with raw_server(Babble) as (port, _):
        assert not await Gateway("127.0.0.1", port).is_server_running


async def test_a_server_without_tls_is_not_running_for_wss(fake_server: FakeServer) -> None:
    assert not await Gateway(url=f"wss://127.0.0.1:{fake_server.port}/ws").is_server_running


async def test_a_host_that_is_no_name_is_not_running() -> None:
    assert not await Gateway(url=f"ws://{'a' * 64}.invalid/ws").is_server_running


async def test_a_call_with_parentheses_works_with_a_warning_and_no_answer_is_taken_unawaited() -> None:
    gateway = Gateway("127.0.0.1", 9)
    with pytest.warns(DeprecationWarning, match=r"without \(\)"):
        assert await gateway.is_server_running() is False
    with pytest.raises(TypeError, match="has to be awaited"):
        assert gateway.is_server_running
