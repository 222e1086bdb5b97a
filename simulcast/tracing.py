"""Spans of OpenTelemetry, for publishing, submitting, claiming, downloading and flushing: none until they are enabled.

Where they are not, a call costs one comparison, and this module imports nothing of OpenTelemetry.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simulcast.errors import SettingRefused
from simulcast.model.trace_context import parse_traceparent
from simulcast.version import version

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider as SDKProvider
    from opentelemetry.trace import Span as OpenTelemetrySpan
    from opentelemetry.trace import SpanContext, Tracer, TracerProvider

EXPORT_TIMEOUT_S = 2.0  # for one batch of spans; its receiver may be away
SHUTDOWN_TIMEOUT_S = 2.0  # for the last spans of a process

_tracer: "Tracer | None" = None
_provider: "SDKProvider | None" = None  # of `configure`


class Span:
    """A span that has begun. `traceparent`: for what it causes; "" where OpenTelemetry keeps no trace."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: "OpenTelemetrySpan") -> None:
        self._span = span
        self.traceparent = _format(span.get_span_context())

    def end(self) -> None:
        """End it, with the error that is being handled, if there is one."""
        if (error := sys.exception()) is not None:
            from opentelemetry.trace import StatusCode

            self._span.set_status(StatusCode.ERROR, type(error).__name__)
        self._span.end()


def enable(provider: "TracerProvider | None" = None) -> None:
    """Make spans with the OpenTelemetry of the application, or of that provider: before a front-end is connected.

    Raises ModuleNotFoundError without the package opentelemetry-api.
    """
    global _tracer
    from opentelemetry import trace

    _tracer = trace.get_tracer("simulcast", version(), provider)


def configure(url: str, program: str) -> None:
    """Send the spans of this process to an OTLP receiver, by HTTP; none for "". `shutdown` sends the last ones.

    Raises SettingRefused without the packages of the extra.
    """
    global _provider
    if not url or _provider is not None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise SettingRefused("SIMULCAST_TRACING_URL needs more packages: pip install 'simulcast[tracing]'") from error
    _provider = TracerProvider(
        resource=Resource.create({"service.name": f"simulcast-{program}", "service.version": version()}),
        shutdown_on_exit=False,  # it would wait for half a minute
    )
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(url, timeout=EXPORT_TIMEOUT_S)))
    enable(_provider)


def shutdown() -> None:
    """Send what was not sent yet, within SHUTDOWN_TIMEOUT_S; no span is made any more."""
    global _provider, _tracer
    if _provider is not None:
        sending = threading.Thread(target=_provider.shutdown, name="last spans", daemon=True)
        _provider = _tracer = None
        sending.start()
        sending.join(SHUTDOWN_TIMEOUT_S)


def is_enabled() -> bool:
    """Return whether spans are made."""
    return _tracer is not None


def current() -> str:
    """Return the traceparent of the span in which this code runs, "" for none, and where spans are not enabled."""
    if _tracer is None:
        return ""
    from opentelemetry.trace import get_current_span

    return _format(get_current_span().get_span_context())


def start(name: str, parent: str = "", *, channel: str = "", age_s: float = 0.0) -> Span | None:
    """Begin a span, or return None where spans are not enabled. Its owner ends it.

    `parent`: the traceparent of its cause; "" for the span in which this code runs. `age_s`: how long
    ago it began.
    """
    if _tracer is None:
        return None
    began_ns = time.time_ns() - round(age_s * 1e9) if age_s else None
    attributes = {"simulcast.channel": channel} if channel else None
    return Span(_tracer.start_span(name, _context(parent), attributes=attributes, start_time=began_ns))


@contextmanager
def span(name: str, parent: str = "", *, channel: str = "") -> Iterator[str]:
    """Run a block in a span, as `start`, and give it the traceparent for what it causes: `parent` without spans."""
    started = start(name, parent, channel=channel)
    try:
        yield parent if started is None else started.traceparent
    finally:
        if started is not None:
            started.end()


def _context(parent: str) -> "Context | None":
    if not parse_traceparent(parent):
        return None
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    _, trace_id, span_id, flags = parent.split("-")
    remote = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(remote))


def _format(context: "SpanContext") -> str:
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
