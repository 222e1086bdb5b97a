"""When it tries again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from simulcast.gateway import ConnectionState, Gateway, Limits, reconnect_policy
from simulcast.gateway.address import ServerAddress
from simulcast.gateway.reconnect_policy import MAX_RETRY_AFTER_S, ReconnectPolicy, parse_retry_after
from simulcast.gateway.token import GivenToken, TokenSource
from tests.clocks import Clock
from tests.conditions import until
from tests.gateway_server import FakeServer


def test_a_delay_is_up_to_a_fifth_shorter_or_longer() -> None:
    delays = [reconnect_policy.with_jitter(5.0) for _ in range(1000)]
    assert all(4.0 <= delay <= 6.0 for delay in delays)
    assert min(delays) < 4.5 < 5.5 < max(delays)


@pytest.mark.parametrize(
    ("make", "delay_s"), [(Gateway, 5.0), (partial(Gateway, reconnect_delay_s=3600), 3600.0)], ids=["default", "wished"]
)
async def test_each_attempt_after_a_loss_is_jittered(
    fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch, make: Callable[[str, int], Gateway], delay_s: float
) -> None:
    asked: list[float] = []

    def at_once(delay_s: float) -> float:
        asked.append(delay_s)
        return 0.0

    monkeypatch.setattr("simulcast.gateway.reconnect_policy.with_jitter", at_once)
    async with make("127.0.0.1", fake_server.port) as gateway:
        await until(lambda: fake_server.clients)
        fake_server.cut()
        await until(lambda: len(fake_server.asked) == 2 and gateway.is_websocket_connected)
    assert asked == [delay_s]


WINDOW_S = 10.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(reconnect_policy, "time", clock)
    return clock


def closed(code: int) -> ConnectionClosedError:
    return ConnectionClosedError(Close(code, ""), None)


@pytest.mark.parametrize("delay_s", [0.5, 5.0])
@pytest.mark.parametrize("token", [None, "a.b.c", lambda: "a.b.c"], ids=["no token", "fixed", "function"])
def test_a_server_that_closes_immediately_is_contacted_rarely_whatever_its_close_code(
    clock: Clock, token: GivenToken, delay_s: float
) -> None:
    for code in (*range(1000, 1016), 3000, 3999, *range(4000, 4500), 4999):
        policy = ReconnectPolicy(ServerAddress("ws://host/ws"), TokenSource(token), Limits())
        end_s, attempts = clock.now + WINDOW_S, 0
        while clock.now < end_s and attempts < 1000:
            attempts += 1
            policy.connected()
            clock.now += policy.state_after(closed(code), delay_s).retry_s
        clock.now = 0.0
        assert attempts <= WINDOW_S / delay_s / 0.8 + 2, code


def test_an_expired_token_is_replaced_immediately_where_the_connection_lived(clock: Clock) -> None:
    policy = ReconnectPolicy(ServerAddress("ws://host/ws"), TokenSource(lambda: "a.b.c"), Limits())
    for _ in range(3):
        policy.connected()
        assert policy.state_after(closed(4419), 5.0).retry_s == 0
        clock.now += 3600


async def test_a_server_that_refuses_each_new_token_is_left_alone_for_the_delay(fake_server: FakeServer) -> None:
    fake_server.close_code = 4419
    states: list[ConnectionState] = []
    url = f"ws://127.0.0.1:{fake_server.port}/ws"
    async with Gateway(url=url, token=lambda: "a.b.c", on_state_change=states.append):
        await until(lambda: [state.phase for state in states].count("lost") == 2)
    delays_s = [state.retry_s for state in states if state.phase == "lost"]
    assert delays_s[0] == 0
    assert delays_s[1] >= 4.0


@pytest.mark.parametrize(
    "status", [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY]
)
async def test_a_refused_handshake_is_followed_by_an_attempt_after_its_retry_after(
    fake_server: FakeServer, status: HTTPStatus
) -> None:
    fake_server.refusal, fake_server.retry_after = status, ["30"]
    states: list[ConnectionState] = []
    async with Gateway("127.0.0.1", fake_server.port, on_state_change=states.append, reconnect_delay_s=0.01):
        await until(lambda: states)
    assert 29 <= states[0].retry_s <= 36


async def test_headers_that_contradict_or_make_no_sense_end_nothing(fake_server: FakeServer) -> None:
    fake_server.refusal = HTTPStatus.SERVICE_UNAVAILABLE
    async with Gateway("127.0.0.1", fake_server.port, reconnect_delay_s=0.01) as gateway:
        for headers in (["", "30"], ["soon"], ["-1"], ["Mon, 99 Jan 2026 00:00:00 GMT"]):
            fake_server.retry_after = headers
            fake_server.asked.clear()
            await until(lambda: len(fake_server.asked) > 1)
        fake_server.refusal = None
        await until(lambda: gateway.is_websocket_connected)


async def test_the_retry_after_of_an_unhealthy_server_is_waited_for_too(fake_server: FakeServer) -> None:
    states: list[ConnectionState] = []
    gateway = Gateway("127.0.0.1", fake_server.port, on_state_change=states.append, reconnect_delay_s=0.01)
    fake_server.refusal, fake_server.retry_after = HTTPStatus.SERVICE_UNAVAILABLE, ["30"]
    assert not await gateway.is_server_running
    fake_server.retry_after = []
    async with gateway:
        await until(lambda: states)
    assert 29 <= states[0].retry_s <= 36


def test_a_time_to_come_back_is_seconds_or_a_date_and_an_hour_at_most() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)
    assert 30 < parse_retry_after(in_a_minute) <= 60
    assert parse_retry_after(" 7 ") == 7
    assert parse_retry_after("9" * 5000) == parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT") == MAX_RETRY_AFTER_S
    assert parse_retry_after("Thu, 01 Jan 1970 00:00:00 GMT") == parse_retry_after("soon") == 0


@given(st.text() | st.from_regex(r"(Mon, )?[0-9]{1,9} (Jan|Feb) [0-9]{1,9} [0-9:]{1,12} (GMT|[+-][0-9]{1,9})"))
def test_any_time_to_come_back_is_within_its_bounds(header: str) -> None:
    assert 0 <= parse_retry_after(header) <= MAX_RETRY_AFTER_S
