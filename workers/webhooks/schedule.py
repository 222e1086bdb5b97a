"""When a delivery that failed is sent again, and when its address is tried again. Decides; does no I/O."""

import random

from simulcast.webhooks import Delivery
from workers.errors import DownloadFailed, HTTPStatusError
from workers.webhooks.post import is_final

MAX_AGE_S = 24 * 3600.0
FIRST_DELAY_S = 1.0
MAX_DELAY_S = 3600.0
FIRST_PAUSE_S = 0.1
MAX_PAUSE_S = 60.0  # of an address, whose other deliveries may succeed


def delay_after(error: DownloadFailed, delivery: Delivery, rng: random.Random) -> float | None:
    """Return the seconds until the next try, each about twice as many as before; None to give it up.

    A time that the receiver asks for by Retry-After is waited for, up to MAX_DELAY_S. A receiver that wants no
    repetition is asked once more: a proxy that was not set up yet may have answered for it.
    """
    asked = error.retry_after_s if isinstance(error, HTTPStatusError) else None
    delay = min(FIRST_DELAY_S * 2.0 ** min(delivery.tries, 30), MAX_DELAY_S) * rng.uniform(0.5, 1.0)
    delay = max(delay, min(asked or 0.0, MAX_DELAY_S))
    return None if (is_final(error) and delivery.tries) or delivery.age_s + delay > MAX_AGE_S else delay


def pause_after(delivery: Delivery, rng: random.Random) -> float:
    """Return the seconds for which nothing is sent to the address of a delivery that failed."""
    return min(FIRST_PAUSE_S * 2.0 ** min(delivery.failures, 30), MAX_PAUSE_S) * rng.uniform(0.5, 1.0)
