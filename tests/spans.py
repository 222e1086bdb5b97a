"""Spans that this process makes, kept in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from simulcast import tracing

TRACE_ID, CAUSE_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CAUSE = f"00-{TRACE_ID}-{CAUSE_ID}-01"


@contextmanager
def recorded_spans() -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    """Enable spans meanwhile."""
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.enable(provider)
    try:
        yield provider, exporter
    finally:
        tracing._tracer = None
        provider.shutdown()
