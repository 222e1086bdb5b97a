"""Options that make no sense are named where they are given."""

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulcast.gateway import Gateway
from simulcast.gateway.limits import Limits
from tests.conditions import until

NO_NUMBERS = st.sampled_from([None, "5", "", b"5", True, [], {}, object(), math.nan, -1, -math.inf, -0.5, 1j])
HOSTS = st.sampled_from(["", None, 5, b"h", "a b", "a/b", "a?b", "a#b", "me:secret@h", "[::1]", "a\\b", "a\n"])
PORTS = st.sampled_from([None, "", "x", 0, -1, 65536, 80.5, True, "8e1", "\u0668\u0660", [80], "secret"])


@given(NO_NUMBERS, st.sampled_from(["reconnect_delay_s", "max_waiting_messages"]))
def test_a_number_that_is_none_is_named(value: Any, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Gateway(**{name: value})


@given(NO_NUMBERS | st.just(math.inf), st.sampled_from(Limits.__slots__))
def test_a_limit_that_is_no_number_is_named(value: Any, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{name: value})


@given(HOSTS)
def test_a_host_that_is_none_is_refused_and_not_repeated(host: Any) -> None:
    with pytest.raises(ValueError, match="host is a name") as refusal:
        Gateway(host)
    assert "secret" not in str(refusal.value)


@given(PORTS)
def test_a_port_that_is_none_is_refused(port: Any) -> None:
    with pytest.raises(ValueError, match="port is a number"):
        Gateway(port=port)


@pytest.mark.parametrize("name", ["on_websocket_message", "on_websocket_status_change", "on_state_change"])
def test_a_callback_that_is_no_function_is_refused(name: str) -> None:
    options: dict[str, Any] = {name: "print"}
    with pytest.raises(ValueError, match="a callback is a function"):
        Gateway(**options)


def test_a_token_or_url_of_another_type_is_refused_and_not_repeated() -> None:
    for options in ({"token": b"secret"}, {"token": 5}, {"url": b"ws://secret"}, {"url": 5}):
        with pytest.raises((ValueError, TypeError)) as refusal:
            Gateway(**options)
        assert "secret" not in str(refusal.value)


async def test_without_a_delay_a_server_that_stays_away_is_not_hammered() -> None:
    states: list[object] = []
    async with Gateway(port=1, reconnect_delay_s=0, on_state_change=states.append):
        began = asyncio.get_running_loop().time()
        await until(lambda: len(states) >= 20, "attempts")
        assert asyncio.get_running_loop().time() - began > 19 * 0.01 * 0.7
