"""Which failures are worth another try, and when. Decides; does no I/O."""

import random
import re
from dataclasses import dataclass
from datetime import datetime

from workers.errors import DownloadFailed, HTTPStatusError
from workers.http.headers import parse_date

MAX_BACKOFF_S = 300.0
MAX_RETRY_AFTER_S = 3600.0
RESET_AFTER_BYTES = 1024 * 1024  # a try that got so much further than any before starts the count again

_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `most` in a row; the first after about `first_s`, each next one after about twice as long."""

    most: int = 10
    first_s: float = 1.0

    def delay_after(self, error: BaseException, before: int, rng: random.Random) -> float | None:
        """Return the seconds to wait when `error` ended a try after `before` retries in a row; None for no retry.

        The pause is jittered down to its half, so that many downloads of one server don't come back simultaneously. A
        time that the server asks for by Retry-After is waited for in full, up to MAX_RETRY_AFTER_S.
        """
        if before >= self.most or not is_transient(error):
            return None
        pause = min(self.first_s * 2.0 ** min(before, 30), MAX_BACKOFF_S) * rng.uniform(0.5, 1.0)
        asked = error.retry_after_s if isinstance(error, HTTPStatusError) else None
        return max(pause, min(asked or 0.0, MAX_RETRY_AFTER_S))


def is_transient(error: BaseException) -> bool:
    """Return whether the same request may succeed later although nobody changes anything."""
    return isinstance(error, DownloadFailed) and error.transient


def retry_after_s(header: str | None, date: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header means; None for neither form of it (RFC 9110 §10.2.3).

    A date is taken relative to the answer's own Date, where it has one: the server's clock may differ from ours,
    by which it is `now`, in UTC.
    """
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    until = parse_date(text)
    if until is None:
        return None
    return max((until - (parse_date(date or "") or now)).total_seconds(), 0.0)
