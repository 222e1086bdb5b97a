"""Which failures are worth another try, and when. Decides; does no I/O."""

import email.utils
import errno
import random
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp

from workers.errors import (
    ConnectError,
    DownloadFailed,
    HTTPStatusError,
    IncompleteBody,
    ProxyError,
    ReadTimeout,
    TooSlow,
)
from workers.http.address_filter import AddressRefused

MAX_BACKOFF_S = 300.0
MAX_RETRY_AFTER_S = 3600.0
RESET_AFTER_BYTES = 1024 * 1024  # a try that got so much further than any before begins the count anew

TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
_PASSING_NETWORK = frozenset(
    {errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT, errno.ENETUNREACH}
    | {errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `most` in a row; the first after about `first_s`, each next one after about twice as long."""

    most: int = 10
    first_s: float = 1.0

    def delay_after(self, error: BaseException, before: int, chance: random.Random) -> float | None:
        """Seconds to wait when `error` ended a try after `before` retries in a row; None: it is not tried again.

        The pause is jittered down to its half, so that many downloads of one server don't come back at once. What the
        server asks for by Retry-After is waited for in full, up to MAX_RETRY_AFTER_S.
        """
        if before >= self.most or not is_transient(error):
            return None
        pause = min(self.first_s * 2.0 ** min(before, 30), MAX_BACKOFF_S) * chance.uniform(0.5, 1.0)
        asked = error.retry_after_s if isinstance(error, HTTPStatusError) else None
        return max(pause, min(asked or 0.0, MAX_RETRY_AFTER_S))


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed later, with nobody changing anything: servers, networks and name servers."""
    match error:
        case HTTPStatusError() | ProxyError():
            return error.status in TRANSIENT_STATUS
        case IncompleteBody() | ReadTimeout() | TooSlow() | ConnectError():
            return True
        case DownloadFailed() | AddressRefused():
            return False
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return False
        case aiohttp.ClientConnectorError():
            return _is_passing_connection(error.os_error)
        case aiohttp.ServerDisconnectedError():
            return True
        case aiohttp.ClientOSError():
            return error.errno in _PASSING_NETWORK or error.errno is None
        case _:
            return isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError)


def _is_passing_connection(cause: OSError) -> bool:
    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_AGAIN
    # Without a number several addresses failed, each for a reason of its own.
    return not isinstance(cause, AddressRefused) and (cause.errno is None or cause.errno in _PASSING_NETWORK)


def retry_after_s(header: str | None, date: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header means; None where there is none or it is neither form (RFC 9110 §10.2.3).

    A date is taken relative to the answer's own Date, where it has one: the server's clock may be another than ours,
    which says `now`, in UTC.
    """
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    until = _date(text)
    if until is None:
        return None
    return max((until - (_date(date or "") or now)).total_seconds(), 0.0)


def _date(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
