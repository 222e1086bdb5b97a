"""When it tries again."""

import pytest

from gateway import Gateway, ending
from tests.conditions import until
from tests.gateway.serving import Station


def test_a_delay_is_up_to_a_fifth_shorter_or_longer() -> None:
    delays = [ending.jittered(5.0) for _ in range(1000)]
    assert all(4.0 <= delay <= 6.0 for delay in delays)
    assert min(delays) < 4.5 < 5.5 < max(delays)


async def test_each_attempt_after_a_loss_is_jittered(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def at_once(delay_s: float) -> float:
        asked.append(delay_s)
        return 0.0

    monkeypatch.setattr("gateway.client.jittered", at_once)
    async with Gateway("127.0.0.1", station.port, reconnect_delay_s=3600) as gateway:
        await until(lambda: station.clients)
        station.cut()
        await until(lambda: len(station.asked) == 2 and gateway.is_websocket_connected)
    assert asked == [3600.0]
