"""Which failures are tried again, and when: decided from the error alone."""

import asyncio
import errno
import random
from datetime import UTC, datetime

import pytest

from workers.errors import (
    AddressRefused,
    ChecksumMismatch,
    ConnectError,
    ConnectionFailed,
    DiskFull,
    HTTPStatusError,
    IncompleteBody,
    InvalidURL,
    NameNotResolved,
    ProtocolError,
    ProxyError,
    ProxyNotAllowed,
    ReadTimeout,
    TooLarge,
    TooManyRedirects,
    TooSlow,
    UnexpectedContentEncoding,
)
from workers.http.retry_policy import MAX_BACKOFF_S, MAX_RETRY_AFTER_S, RetryPolicy, is_transient, retry_after_s

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "error",
    [
        *(HTTPStatusError(status) for status in (408, 425, 429, 500, 502, 503, 504, 509, 520, 521, 522, 523, 524)),
        ProxyError(502),
        IncompleteBody(1, 2),
        ReadTimeout(30),
        TooSlow(1, 100, 60),
        ConnectError(15),
        ConnectionFailed("the connection was reset"),
        NameNotResolved("h", ": the name server did not answer"),
    ],
    ids=repr,
)
def test_what_passes_is_tried_again(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        *(HTTPStatusError(status) for status in (204, 302, 400, 401, 403, 404, 410, 416, 451, 501, 505)),
        ProxyError(407),
        ProxyNotAllowed("http://p:1"),
        ChecksumMismatch("md5", "a", "b"),
        AddressRefused("10.0.0.1", "is private"),
        NameNotResolved("h", "", transient=False),
        DiskFull(1, 2, 3),
        TooLarge(5, 4),
        OSError(errno.ENOSPC, "no space"),
        PermissionError(errno.EACCES, "denied"),
        UnexpectedContentEncoding("gzip"),
        ProtocolError("nonsense"),
        InvalidURL("no URL"),
        TooManyRedirects(5),
        ConnectionFailed("the certificate was not accepted", transient=False),
    ],
    ids=repr,
)
def test_what_stays_as_it_is_until_somebody_changes_something_is_not(error: Exception) -> None:
    assert not is_transient(error)
    assert RetryPolicy().delay_after(error, 0, random.Random(1)) is None


def test_each_pause_is_about_twice_the_one_before_and_at_most_five_minutes() -> None:
    chance = random.Random(2)
    for before in range(40):
        full = min(2.0**before, MAX_BACKOFF_S)
        pauses = [RetryPolicy(most=99).delay_after(ReadTimeout(1), before, chance) or 0 for _ in range(50)]
        assert all(full / 2 <= pause <= full for pause in pauses)
        assert len(set(pauses)) > 10, "many downloads would come back at once"


def test_there_is_an_end_to_it() -> None:
    assert RetryPolicy(most=3).delay_after(ReadTimeout(1), 2, random.Random(3)) is not None
    assert RetryPolicy(most=3).delay_after(ReadTimeout(1), 3, random.Random(3)) is None


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(None, 0.5, 1), (0, 0.5, 1), (120, 120, 120), (10**9, MAX_RETRY_AFTER_S, MAX_RETRY_AFTER_S)],
)
def test_a_server_that_asks_for_time_gets_it_within_bounds(asked: float | None, least: float, most: float) -> None:
    pause = RetryPolicy().delay_after(HTTPStatusError(503, asked), 0, random.Random(4))
    assert pause is not None and least <= pause <= most


@pytest.mark.parametrize(
    ("header", "date", "seconds"),
    [
        ("120", None, 120),
        (" 0 ", None, 0),
        ("Tue, 24 Nov 2026 12:01:30 GMT", None, 90),
        ("Tue, 24 Nov 2026 12:01:30 GMT", "Tue, 24 Nov 2026 12:01:00 GMT", 30),
        ("Tuesday, 24-Nov-26 12:01:30 GMT", None, 90),
        ("Tue, 24 Nov 2026 11:00:00 GMT", None, 0),
        ("Tue, 24 Nov 2026 12:01:30 GMT", "nonsense", 90),
        ("-5", None, None),
        ("1.5", None, None),
        ("Tue, 24 Nov 99999 12:01:30 GMT", None, None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None, None),
        ("١٢", None, None),
        ("soon", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, date: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, date, NOW) == seconds


def test_a_cancellation_is_no_failure() -> None:
    assert not is_transient(asyncio.CancelledError())
