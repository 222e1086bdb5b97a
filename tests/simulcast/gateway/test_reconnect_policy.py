"""When it tries again."""

from collections.abc import Callable
from functools import partial

import pytest

from simulcast.gateway import Gateway, reconnect_policy
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
