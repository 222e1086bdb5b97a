"""What the page about scale makes of what was measured."""

import pytest

from benchmarks.scale.page import Costs, markdown
from benchmarks.scale.runs import QUICK, Row
from benchmarks.scale.subscribers import Fan

FANS = [Fan(1, 12.0, 200.0), Fan(10, 30.0, 200.0), Fan(100, 210.0, 200.0)]  # 10 µs, and 2 µs a subscriber


def row(front_ends: int, shards: int = 1, idle_us_s: float = 0.0) -> Row:
    numbers = {
        "clients": 100.0,
        "deliveries_s": 5_000.0,
        "deliveries_cpu_s": 200_000.0,
        "p99_ms": 5.0,
        "reading_us": 20.0,
        "redis_us": 14.0,
        "idle_us_s": idle_us_s,
        "empty_bytes": 62 * 1024**2,
        "client_bytes": 10 * 1024,
        "delivery_bytes": 134.0,
        "joining_us": 250.0,
        "back_us": 500.0,
        "back_s": 1.0,
        "back_commands": 4.0,
        "anew_back_us": 600.0,
        "anew_back_s": 1.0,
        "anew_back_commands": 5.0,
    }
    return Row(front_ends, shards, numbers, 0.0)


def test_a_front_end_carries_as_many_clients_as_each_of_its_means_allows() -> None:
    bounds = Costs([row(1), row(2)], FANS).bounds(10)
    assert bounds == {
        "processor": 10_000,  # half of 200,000 deliveries, ten each
        "memory": 450 * 1024**2 / (10 * 1024),
        "descriptors": 65_344,
        "network": 1e9 / 8 / (10 * 200),  # with 66 bytes of headers
    }


def test_what_redis_takes_grows_with_the_front_ends_and_with_what_they_ask_by_themselves() -> None:
    costs = Costs([row(1, idle_us_s=1_100), row(2, idle_us_s=1_200), row(2, shards=3, idle_us_s=9_000)], FANS)
    assert costs.redis_us(50) == pytest.approx(10 + 2 * 50)
    assert costs.redis_share(10, 50) == pytest.approx((10 * 110 + 100 * 50) / 1e6)
    most = costs.most_front_ends(10)
    assert costs.redis_share(10, most) == pytest.approx(0.5)


def test_the_page_names_what_breaks_first_at_each_rate() -> None:
    page = markdown([row(1), row(2)], FANS, QUICK, ["a fact"])
    (line,) = (line for line in page.splitlines() if line.startswith("| **breaks first**"))
    assert [cell.strip(" *") for cell in line.split("|")[2:-1]] == ["memory", "processor", "processor"]
    assert "| front-ends for a million | 22 | 100 | 1,000 |" in page
