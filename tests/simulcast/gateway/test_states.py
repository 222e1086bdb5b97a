"""The states of a connection that `on_state_change` receives."""

from http import HTTPStatus

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulcast.gateway import ConnectionState, Gateway
from tests.conditions import until
from tests.gateway_server import FakeServer

TOKEN = "a.b.c"


async def test_a_loss_has_its_reason_and_the_time_of_the_next_attempt(fake_server: FakeServer) -> None:
    states: list[ConnectionState] = []
    async with Gateway("127.0.0.1", fake_server.port, reconnect_delay_s=0.01, on_state_change=states.append):
        await until(lambda: fake_server.clients)
        fake_server.refusal = HTTPStatus.SERVICE_UNAVAILABLE
        await fake_server.close_with(1012, "restarting")
        await until(lambda: len(states) >= 3)
        fake_server.refusal = None
        await until(lambda: states[-1].phase == "connected")
    assert [state.phase for state in states[:3]] == ["connected", "lost", "lost"]
    lost, failed = states[1:3]
    assert isinstance(lost.error, ConnectionClosed) and isinstance(failed.error, InvalidStatus)
    assert 0.008 <= lost.retry_s <= 0.012
    assert 0.008 <= failed.retry_s <= 0.012
    assert states[-1] == ConnectionState("connected")  # a disconnect of one's own is no news


async def test_a_refusal_is_told_from_a_loss(fake_server: FakeServer) -> None:
    states: list[ConnectionState] = []
    async with Gateway("127.0.0.1", fake_server.port, reconnect_delay_s=0, on_state_change=states.append):
        await until(lambda: fake_server.clients)
        await fake_server.close_with(1008, "no")
        await until(lambda: len(states) == 2)
    assert states[1].phase == "refused"
    assert 48 <= states[1].retry_s <= 72


async def test_a_fixed_token_that_is_refused_gets_no_other_attempt(fake_server: FakeServer) -> None:
    fake_server.refusal = HTTPStatus.UNAUTHORIZED
    states: list[ConnectionState] = []
    async with Gateway("127.0.0.1", fake_server.port, token=TOKEN, on_state_change=states.append):
        await until(lambda: len(states) == 1)
    assert (states[0].phase, states[0].retry_s) == ("refused", float("inf"))


async def test_a_callback_that_disconnects_gets_no_state_after_it(fake_server: FakeServer) -> None:
    states: list[ConnectionState] = []
    gateway = Gateway("127.0.0.1", fake_server.port, on_state_change=states.append)

    statuses: list[bool] = []

    async def disconnect(connected: bool) -> None:
        statuses.append(connected)
        if connected:
            await gateway.disconnect_websocket()

    gateway.on_websocket_status_change = disconnect
    await gateway.init()
    await until(lambda: statuses == [True, False])
    assert states == []


async def test_this_machine_is_reached_past_the_proxy_of_the_environment(
    fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "socks_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with fake_server.gateway() as gateway:
        assert gateway.is_websocket_connected


@pytest.mark.parametrize("proxy", ["ftp://u:SECRET@h:1", "u:SECRET@h:1", "http://u:SECRET@", "http://u:SECRET"])
async def test_no_log_and_no_state_shows_the_password_of_the_environments_proxy(
    proxy: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    states: list[ConnectionState] = []
    for name in ("http_proxy", "socks_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    async with Gateway(url="ws://example.invalid:1/ws", on_state_change=states.append):
        await until(lambda: states)
    assert isinstance(states[0].error, ConnectionError)
    assert "proxy" in caplog.text and "SECRET" not in caplog.text + repr(states)
