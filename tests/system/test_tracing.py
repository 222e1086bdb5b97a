"""A trace, from a request to its clients: real programs, and a receiver of OTLP over HTTP."""

import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.conditions import until
from tests.file_server import serve_files
from tests.ports import free_port
from tests.programs import StartFrontEnd, StartWorker
from tests.service import collect
from tests.spans import CAUSE, CAUSE_ID, TRACE_ID

pytestmark = pytest.mark.long

Spans = list[tuple[str, Span]]  # with the name of the service


@contextmanager
def receiver() -> Iterator[tuple[str, Spans]]:
    """Receive spans at that address."""
    spans: Spans = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                (service,) = (
                    attribute.value.string_value
                    for attribute in group.resource.attributes
                    if attribute.key == "service.name"
                )
                spans.extend((service, span) for scope in group.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="receiver")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
        finally:
            server.shutdown()
            thread.join()


def post(url: str, body: object) -> None:
    headers = {"content-type": "application/json", "traceparent": CAUSE}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310


def settings(url: str) -> dict[str, str]:
    return {"SIMULCAST_TRACING_URL": url, "OTEL_BSP_SCHEDULE_DELAY": "50"}


def caused_by(spans: Spans, parent: str) -> set[tuple[str, str]]:
    """Return service and name of the spans with that parent."""
    return {(service, span.name) for service, span in spans if span.parent_span_id.hex() == parent}


async def test_a_trace_leads_from_the_request_of_a_download_to_its_worker_and_its_clients(
    front_end: StartFrontEnd, worker: StartWorker
) -> None:
    with receiver() as (url, spans):
        running = await front_end(**settings(url))
        working = worker(**settings(url))
        connection = await running.connect()
        async with serve_files() as files:
            files.contents["a"] = b"content"
            await asyncio.to_thread(post, f"http://127.0.0.1:{running.port}/downloads", {"url": files.url("a")})
            texts = await collect(connection, '"download_complete"')
        await connection.close()
        working.stop()  # its last spans are sent
        events = [json.loads(text) for text in texts if '"change"' in text]
        assert [event["type"] for event in events] == ["download_queued", "download_started", "download_complete"]
        (cause,) = {event["traceparent"] for event in events}
        version, trace_id, submit_id, flags = cause.split("-")
        assert (version, trace_id, flags) == ("00", TRACE_ID, "01")
        wanted = {("simulcast-worker", "claim"), ("simulcast-worker", "download"), ("simulcast-front-end", "flush")}
        await until(lambda: caused_by(spans, submit_id) >= wanted, "the spans of the submission")
        assert caused_by(spans, CAUSE_ID) == {("simulcast-front-end", "submit")}
        assert {span.trace_id.hex() for _, span in spans} == {TRACE_ID}
        assert all(span.start_time_unix_nano <= span.end_time_unix_nano for _, span in spans)


async def test_a_published_event_carries_the_span_of_its_publishing(front_end: StartFrontEnd) -> None:
    with receiver() as (url, spans):
        running = await front_end(**settings(url))
        connection = await running.connect("?channel=a")
        base = f"http://127.0.0.1:{running.port}"
        await asyncio.to_thread(post, f"{base}/channels/a/publish", {"n": 1})
        await asyncio.to_thread(post, f"{base}/publish", {"items": [{"channel": "a", "event": {"n": 2}}]})
        for text in await collect(connection, '"n":2'):
            _, trace_id, span_id, _ = json.loads(text)["traceparent"].split("-")
            assert trace_id == TRACE_ID
            wanted = {("simulcast-front-end", "flush")}
            await until(lambda: caused_by(spans, span_id) == wanted, "the flush")  # noqa: B023  awaited here
        await connection.close()
        assert caused_by(spans, CAUSE_ID) == {("simulcast-front-end", "publish")}


async def test_without_spans_the_cause_is_kept_and_a_receiver_that_is_away_holds_nothing_up(
    front_end: StartFrontEnd, worker: StartWorker
) -> None:
    plain = await front_end()
    traced = await front_end(**settings(f"http://127.0.0.1:{free_port()}/v1/traces"))
    worker(**settings(f"http://127.0.0.1:{free_port()}/v1/traces"))
    connection = await traced.connect()
    async with serve_files() as files:
        files.contents["a"] = b"content"
        await asyncio.to_thread(post, f"http://127.0.0.1:{plain.port}/downloads", {"url": files.url("a")})
        texts = await collect(connection, '"download_complete"')
    await connection.close()
    assert {json.loads(text)["traceparent"] for text in texts if '"change"' in text} == {CAUSE}
