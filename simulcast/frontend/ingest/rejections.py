"""Publications that are left out, and external ones that are not."""

import logging

from simulcast.errors import InvalidEvent
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.ingest.subscription import Subscription
from simulcast.model.events import MAX_EVENT_BYTES, encode_external

WARNING_INTERVAL_S = 60.0

_log = logging.getLogger("simulcast.listener")


class Rejections:
    """Counts publications that are left out, and logs one in a while: anyone may publish any number of them."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._next_warning_at = float("-inf")

    def add(self, publication: str, number: int = 1) -> None:
        """Count a publication, or several of a kind."""
        self._counters.rejected += number
        now = self._counters.clock()
        if now >= self._next_warning_at:
            self._next_warning_at = now + WARNING_INTERVAL_S
            _log.warning("rejected %s (%d so far)", publication, self._counters.rejected)

    def accept_external(self, subscription: Subscription, data: bytes) -> None:
        """Deliver what no broker published, unless it is none of the events that are external."""
        try:
            if len(data) > MAX_EVENT_BYTES:
                raise InvalidEvent(f"it has {len(data):,} bytes")
            subscription.feed.accept_external(encode_external(data.decode("utf-8", "replace")))
        except InvalidEvent as error:
            self.add(f"an external publication to {subscription.names.pubsub}: {error}")
