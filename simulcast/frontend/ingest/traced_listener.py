"""A listener that makes spans of events which carry a `traceparent`: from their receipt to their flush."""

from simulcast import tracing
from simulcast.frontend.fanout.hub import Hub
from simulcast.frontend.ingest.listener import Listener
from simulcast.frontend.ingest.subscription import Subscription
from simulcast.model.trace_context import find_traceparent

MAX_SPANS = 64  # of one flush; events beyond have none


class TracedListener(Listener):
    """Takes the place of a Listener where spans are enabled, so that others pay nothing for them."""

    def _handle_message(self, subscription: Subscription, data: bytes) -> None:
        if traceparent := find_traceparent(data):
            hub, channel = subscription.feed.hub, subscription.names.channel
            spans = _spans_of(hub)
            if len(spans) < MAX_SPANS and (span := tracing.start("flush", traceparent, channel=channel)) is not None:
                spans.append(span)
        super()._handle_message(subscription, data)


class _EndSpans:
    """Takes the place of a hub's `on_flush`, once."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._on_flush = hub.on_flush
        self.spans: list[tracing.Span] = []

    def __call__(self) -> None:
        self._hub.on_flush = self._on_flush
        for span in self.spans:
            span.end()
        self._on_flush()


def _spans_of(hub: Hub) -> list[tracing.Span]:
    """Return the spans that the hub's next flush ends."""
    if not isinstance(hub.on_flush, _EndSpans):
        hub.on_flush = _EndSpans(hub)
    return hub.on_flush.spans
