"""The rate limiter, by a clock that is moved by hand."""

import itertools

from simulcast.frontend.transport.rate_limit import BURST, MAX_REJECTED_COMMANDS, MESSAGES_PER_S, RateLimiter, Rejection


def test_a_burst_is_obeyed_at_once_and_what_follows_at_the_rate() -> None:
    limiter = RateLimiter()
    assert [limiter.wait_s(1000.0) for _ in range(BURST)] == [0.0] * BURST
    now, handled = 1000.0, 0
    while now < 1010.0:
        now += limiter.wait_s(now)
        handled += 1
    assert abs(handled - 10 * MESSAGES_PER_S) <= 1


def test_who_rests_may_burst_again() -> None:
    limiter = RateLimiter()
    for _ in range(BURST):
        limiter.wait_s(1000.0)
    later = 1000.0 + BURST / MESSAGES_PER_S
    assert [limiter.wait_s(later) for _ in range(BURST)] == [0.0] * BURST


def test_pings_and_the_like_are_tolerated_as_often_and_do_not_take_the_place_of_messages() -> None:
    limiter = RateLimiter()
    assert sum(limiter.allow(1000.0) for _ in range(10 * BURST)) == BURST
    assert limiter.allow(1000.0 + 1 / MESSAGES_PER_S)
    assert limiter.wait_s(1000.0) == 0.0


def test_who_is_refused_is_told_once_a_second_and_cut_when_it_goes_on() -> None:
    limiter = RateLimiter()
    rejections = [limiter.reject(1000.0 + n / 1000) for n in range(5 * MAX_REJECTED_COMMANDS)]
    disconnected_at = rejections.index(Rejection.DISCONNECT)
    assert MAX_REJECTED_COMMANDS <= disconnected_at <= MAX_REJECTED_COMMANDS * 1.1
    errors = [n for n, rejection in enumerate(rejections[:disconnected_at]) if rejection is Rejection.SEND_ERROR]
    assert errors[0] == 0
    assert all(later - earlier >= 980 for earlier, later in itertools.pairwise(errors))


def test_who_is_refused_now_and_then_is_never_cut() -> None:
    limiter = RateLimiter()
    rejections = {limiter.reject(1000.0 + n * 1.01 / MESSAGES_PER_S) for n in range(10 * MAX_REJECTED_COMMANDS)}
    assert rejections == {Rejection.SEND_ERROR, Rejection.IGNORE}
