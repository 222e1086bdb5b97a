"""Failed deliveries are sent again later and later, for a day."""

import random
from collections.abc import Callable

import pytest

from simulcast.webhooks import Delivery
from workers.errors import AddressRefused, ConnectError, DownloadFailed, HTTPStatusError
from workers.webhooks.schedule import MAX_AGE_S, MAX_DELAY_S, MAX_PAUSE_S, delay_after, pause_after

RNG = random.Random(1)


@pytest.mark.parametrize(
    "error",
    [HTTPStatusError(500), HTTPStatusError(404), HTTPStatusError(302), ConnectError(1), AddressRefused("a", "b")],
)
def test_whatever_the_reason_it_is_tried_for_a_day_ever_less_often(
    error: DownloadFailed, delivery: Callable[..., Delivery]
) -> None:
    age_s, delays = 0.0, list[float]()
    while (delay_s := delay_after(error, delivery(tries=len(delays), age_s=age_s), RNG)) is not None:
        delays.append(delay_s)
        age_s += delay_s
    assert 0.5 <= delays[0] <= 1 and max(delays) <= MAX_DELAY_S
    assert 30 < len(delays) < 70
    assert MAX_AGE_S - MAX_DELAY_S <= age_s <= MAX_AGE_S


def test_a_receiver_that_says_twice_that_it_is_gone_is_told_nothing_more_of_that_end(
    delivery: Callable[..., Delivery],
) -> None:
    assert delay_after(HTTPStatusError(410), delivery(), RNG) is not None
    assert delay_after(HTTPStatusError(410), delivery(tries=1), RNG) is None


@pytest.mark.parametrize(("asked_s", "waited_s"), [(120, 120), (86_400, MAX_DELAY_S), (0, 0.5)])
def test_a_time_that_the_receiver_asks_for_is_waited_for_up_to_an_hour(
    asked_s: float, waited_s: float, delivery: Callable[..., Delivery]
) -> None:
    delay_s = delay_after(HTTPStatusError(429, asked_s), delivery(), RNG)
    assert delay_s is not None and waited_s <= delay_s <= waited_s + 1


def test_an_address_that_fails_is_left_alone_for_a_minute_at_most(delivery: Callable[..., Delivery]) -> None:
    pauses = [pause_after(delivery(failures=failures), RNG) for failures in range(2000)]
    assert pauses[0] <= 1 and 30 <= max(pauses) <= MAX_PAUSE_S
