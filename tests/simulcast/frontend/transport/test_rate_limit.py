"""How fast a client may send, by a clock that is moved by hand."""

import itertools

from simulcast.frontend.transport.rate_limit import BURST, MAX_REJECTED_COMMANDS, MESSAGES_PER_S, RateLimiter, Rejection


def test_a_burst_is_obeyed_at_once_and_what_follows_at_the_rate() -> None:
    pace = RateLimiter()
    assert [pace.wait_s(1000.0) for _ in range(BURST)] == [0.0] * BURST
    now, obeyed = 1000.0, 0
    while now < 1010.0:
        now += pace.wait_s(now)
        obeyed += 1
    assert abs(obeyed - 10 * MESSAGES_PER_S) <= 1


def test_who_rests_may_burst_again() -> None:
    pace = RateLimiter()
    for _ in range(BURST):
        pace.wait_s(1000.0)
    later = 1000.0 + BURST / MESSAGES_PER_S
    assert [pace.wait_s(later) for _ in range(BURST)] == [0.0] * BURST


def test_pings_and_the_like_are_tolerated_as_often_and_do_not_take_the_place_of_messages() -> None:
    pace = RateLimiter()
    assert sum(pace.allow(1000.0) for _ in range(10 * BURST)) == BURST
    assert pace.allow(1000.0 + 1 / MESSAGES_PER_S)
    assert pace.wait_s(1000.0) == 0.0


def test_who_is_refused_is_told_once_a_second_and_cut_when_it_goes_on() -> None:
    pace = RateLimiter()
    verdicts = [pace.reject(1000.0 + n / 1000) for n in range(5 * MAX_REJECTED_COMMANDS)]
    cut = verdicts.index(Rejection.DISCONNECT)
    assert MAX_REJECTED_COMMANDS <= cut <= MAX_REJECTED_COMMANDS * 1.1
    told = [n for n, verdict in enumerate(verdicts[:cut]) if verdict is Rejection.SEND_ERROR]
    assert told[0] == 0
    assert all(later - earlier >= 980 for earlier, later in itertools.pairwise(told))


def test_who_is_refused_now_and_then_is_never_cut() -> None:
    pace = RateLimiter()
    verdicts = {pace.reject(1000.0 + n * 1.01 / MESSAGES_PER_S) for n in range(10 * MAX_REJECTED_COMMANDS)}
    assert verdicts == {Rejection.SEND_ERROR, Rejection.IGNORE}
