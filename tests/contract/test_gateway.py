"""What the Python client makes of each example, and that what it sends is one, byte by byte."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar

import pytest

from simulcast.gateway import (
    AddedDownload,
    CommandRejected,
    CommandResult,
    Download,
    DownloadCancelled,
    DownloadComplete,
    DownloadDeleted,
    DownloadError,
    DownloadPage,
    DownloadPaused,
    DownloadProgress,
    DownloadQueued,
    DownloadResumed,
    DownloadStarted,
    Event,
    Gateway,
    JobCancelled,
    JobComplete,
    JobDeleted,
    JobError,
    JobProgress,
    JobQueued,
    JobStarted,
)
from simulcast.gateway.events import parse
from simulcast.model.job_record import JobRecord, SubmittedRecord
from tests.conditions import until
from tests.contract_examples import FROM_CLIENT, FROM_SERVER, kind_of, parse_members
from tests.gateway_server import FakeServer

KINDS = {
    "download_progress": DownloadProgress,
    "download_queued": DownloadQueued,
    "download_started": DownloadStarted,
    "download_resumed": DownloadResumed,
    "download_paused": DownloadPaused,
    "download_complete": DownloadComplete,
    "download_error": DownloadError,
    "download_cancelled": DownloadCancelled,
    "download_deleted": DownloadDeleted,
    "job_progress": JobProgress,
    "job_queued": JobQueued,
    "job_started": JobStarted,
    "job_complete": JobComplete,
    "job_error": JobError,
    "job_cancelled": JobCancelled,
    "job_deleted": JobDeleted,
}
PROGRESS: dict[str, object] = {"download_id": "12345", "progress": 0.75, "speed": 1024000}
ABOUT: dict[str, object] = {"download_id": "12345", "name": "a.iso", "url": "https://example.com/a.iso"}
FIRST = ABOUT | {"attempt": 1, "received_bytes": 0}
HALF = ABOUT | {"attempt": 1, "received_bytes": 2048, "total_bytes": 4096}
AT = 1790000000000
AGAIN = ABOUT | {"attempt": 2, "received_bytes": 0, "total_bytes": 4096}
JOB: dict[str, object] = {"job_id": "render-7", "kind": "render", "name": "Holiday.mp4", "attempt": 1, "progress": 0.0}
FRAMES: dict[str, object] = {"total": 12.0, "unit": "frames", "message": "scene 1"}
NO_ROOM = {"error_message": "größer als erlaubt 😀"}
# What is read beside `type`: the offset of the event_id, None where there is none, and the members.
READ: dict[str, tuple[int | None, Mapping[str, object]]] = {
    "download_progress": (17, PROGRESS),
    "download_progress.at_0": (16, PROGRESS | {"progress": 0.0, "speed": 0}),
    "download_progress.at_1": (17, PROGRESS | {"progress": 1.0}),
    "download_progress.in_channel": (17, PROGRESS | {"channel": "a"}),
    "download_progress.live_only": (None, PROGRESS),
    "download_progress.live_only_in_channel": (None, PROGRESS | {"channel": "a"}),
    "download_progress.by_worker": (
        3,
        PROGRESS | {"progress": 1.0, "speed": 0, "attempt": 1, "received_bytes": 4096, "total_bytes": 4096},
    ),
    "download_progress.size_unknown": (4, PROGRESS | {"progress": 0.0, "attempt": 1, "received_bytes": 2048}),
    "download_queued": (1, FIRST | {"change": AT + 1}),
    "download_started": (2, FIRST | {"change": AT + 2}),
    "download_paused": (3, HALF | {"change": AT + 3}),
    "download_queued.by_command": (4, HALF | {"change": AT + 4}),
    "download_queued.retried": (
        3,
        HALF
        | {"change": AT + 3, "retry_at": 1790000002.5, "retries": 1}
        | {"error_message": "the server answered 503 Service Unavailable"},
    ),
    "download_resumed": (5, HALF | {"change": AT + 5}),
    "download_paused.by_command": (6, HALF | {"change": AT + 6}),
    "download_error.by_worker": (9, HALF | {"change": AT + 9, "error_message": "the server answered 404"}),
    "download_queued.again": (10, AGAIN | {"change": AT + 10}),
    "download_cancelled": (11, AGAIN | {"change": AT + 11}),
    "download_deleted": (12, AGAIN | {"change": AT + 12}),
    "download_complete.by_worker": (
        4,
        HALF | {"received_bytes": 4096, "change": AT + 3, "file_path": "/downloads/a.iso"},
    ),
    "download_complete.overtaken": (3, HALF | {"change": AT + 3, "file_path": "/downloads/a.iso"}),
    "download_deleted.too_many": (7, HALF | {"change": AT + 4}),
    "download_complete": (18, {"download_id": "12345", "file_path": "/downloads/a.iso"}),
    "download_error": (19, {"download_id": "12345", "error_message": "the server answered 404"}),
    "download_error.not_ascii": (19, {"download_id": "12345"} | NO_ROOM),
    "job_queued": (1, JOB | {"change": AT + 1}),
    "job_started": (2, JOB | {"change": AT + 2}),
    "job_progress": (3, JOB | FRAMES | {"progress": 0.25, "done": 3.0}),
    "job_complete": (4, JOB | FRAMES | {"progress": 1.0, "done": 12.0, "change": AT + 3}),
    "job_queued.retried": (2, JOB | {"attempt": 2, "change": AT + 2, "error_message": "the disk is full"}),
    "job_error": (4, JOB | {"attempt": 2, "change": AT + 4, "error_message": "its process was lost"}),
    "job_cancelled": (6, JOB | {"attempt": 3, "change": AT + 6, "progress": 0.5}),
    "job_deleted": (7, JOB | {"attempt": 3, "change": AT + 7, "progress": 0.5}),
    "other": (20, {}),
}
URL = "https://example.com/a.iso"
RENDER: dict[str, object] = {"type": "render", "percent": 50}
DOWNLOAD = Download(
    download_id="12345",
    url=URL,
    name="a.iso",
    state="queued",
    attempt=1,
    progress=0.0,
    speed=0,
    received_bytes=0,
    total_bytes=None,
    error_message=None,
    file_path=None,
    folder=None,
    worker=None,
    priority=0,
    queue_rank=1790000000000.0,
    retries=0,
    retry_at=None,
    limit_bytes_per_s=None,
    phase=None,
    start_at=None,
    owner=None,
    created_at=1790000000.0,
    updated_at=1790000000.0,
    eta_s=None,
)
ADDED = AddedDownload(**dataclasses.asdict(DOWNLOAD), existing=False)
Result = TypeVar("Result")
METHODS: dict[str, Callable[[Gateway], Awaitable[CommandResult]]] = {
    "pause_download.by_id": lambda gateway: gateway.pause("12345"),
    "resume_download.by_id": lambda gateway: gateway.resume("12345"),
    "cancel_download.by_id": lambda gateway: gateway.cancel("12345"),
    "retry_download.by_id": lambda gateway: gateway.retry("12345"),
    "delete_download.by_id": lambda gateway: gateway.delete("12345"),
    "delete_download.with_file_by_id": lambda gateway: gateway.delete("12345", file=True),
    "limit_download.by_id": lambda gateway: gateway.limit("12345", 1_000_000),
    "relink_download.by_id": lambda gateway: gateway.relink("12345", "https://example.org/a.iso?signature=2"),
    "move_download.by_id": lambda gateway: gateway.move("12345", {"before": "12346"}),
    "prioritize_download.by_id": lambda gateway: gateway.prioritize("12345", 1),
    "rename_download.by_id": lambda gateway: gateway.rename("12345", "b.iso"),
    "schedule_download.by_id": lambda gateway: gateway.schedule("12345", 1700000000.5),
    "clear_finished.by_id": lambda gateway: gateway.clear_finished(),
    "cancel_job.by_id": lambda gateway: gateway.cancel_job("render-7"),
    "cancel_job.in_channel_by_id": lambda gateway: gateway.cancel_job("render-7", "a"),
    "remove_job.by_id": lambda gateway: gateway.remove_job("render-7"),
}

# The call that sends the example of a request, the example of the answer, and what the call returns then.
REQUESTS: dict[str, tuple[Callable[[Gateway], Awaitable[object]], str, object]] = {
    "add_download.by_id": (lambda gateway: gateway.add(URL, download_id="12345"), "added_by_id", ADDED),
    "add_download.with_options": (
        lambda gateway: gateway.add(
            URL,
            download_id="12345",
            priority=1,
            again=True,
            name="b.iso",
            folder="films/2026",
            limit_bytes_per_s=1_000_000,
            headers={"Cookie": "a=b"},
        ),
        "added_again_by_id",
        dataclasses.replace(ADDED, existing=True),
    ),
    "get_download.by_id": (lambda gateway: gateway.get("12345"), "download_by_id", DOWNLOAD),
    "list_downloads.by_id": (lambda gateway: gateway.list(), "downloads_by_id", DownloadPage((DOWNLOAD,), 1)),
    "list_downloads.page": (
        lambda gateway: gateway.list(state="complete", sort="name", order="asc", offset=100, limit=50),
        "downloads_by_id",
        DownloadPage((DOWNLOAD,), 1),
    ),
    "publish.with_key": (
        lambda gateway: gateway.publish(RENDER, "reports", key="render:intro", idempotency_key="5f6e1c", ttl_s=60),
        "published_by_id",
        "1790000000000-17",
    ),
    "subscribe.by_id": (lambda gateway: gateway.subscribe("a"), "subscribed_by_id", None),
    "unsubscribe.by_id": (lambda gateway: gateway.unsubscribe("a"), "accepted_by_id", None),
}


@pytest.fixture
async def fake_server() -> AsyncIterator[FakeServer]:
    fake_server = FakeServer()
    await fake_server.go_up()
    yield fake_server
    await fake_server.gone()


@pytest.mark.parametrize("name", [name for name in FROM_SERVER if kind_of(name) in {*KINDS, "other"}])
def test_each_event_is_read_as_its_kind_with_its_members(name: str) -> None:
    event = parse(FROM_SERVER[name].decode())
    assert event is not None and type(event) is KINDS.get(kind_of(name), Event)
    offset, wanted = READ[name]
    place = {} if offset is None else {"event_id": f"1790000000000-{offset}"}
    kind = "marker" if name == "other" else kind_of(name)
    read = {field.name: getattr(event, field.name) for field in dataclasses.fields(event) if field.name != "raw"}
    assert {name: value for name, value in read.items() if value is not None} == {"type": kind, **place, **wanted}


@pytest.mark.parametrize("name", FROM_SERVER)
async def test_each_message_reaches_the_callback_as_it_came(fake_server: FakeServer, name: str) -> None:
    received: list[str] = []
    async with Gateway(port=fake_server.port, on_websocket_message=received.append):
        await fake_server.say(FROM_SERVER[name].decode())
        await until(lambda: received)
    assert received[0].encode() == FROM_SERVER[name]


async def asked(fake_server: FakeServer, command: Awaitable[Result], answer: str) -> tuple[bytes, str, Result]:
    """What the client sent, with the command_id of the examples, its own, and what it makes of the answer to it."""

    async def reply() -> str:
        await until(lambda: fake_server.received)
        text = fake_server.received[0]
        assert isinstance(text, str)
        command_id = str(json.loads(text)["command_id"])
        await fake_server.say(FROM_SERVER[answer].decode().replace("c-1", command_id))
        return command_id

    replying = asyncio.ensure_future(reply())
    try:
        result = await command
    finally:
        command_id = await replying
    return str(fake_server.received[0]).replace(command_id, "c-1").encode(), command_id, result


@pytest.mark.parametrize("name", METHODS)
async def test_each_method_sends_the_example_and_understands_accepted(fake_server: FakeServer, name: str) -> None:
    async with Gateway(port=fake_server.port) as gateway:
        sent, command_id, result = await asked(fake_server, METHODS[name](gateway), "command_result.accepted_by_id")
    assert sent == FROM_CLIENT[name]
    members = parse_members(FROM_CLIENT[name])
    about = {key: members.get(key, "") for key in ("download_id", "job_id")}
    assert dataclasses.asdict(result) == {"action": kind_of(name), "command_id": command_id, **about}


@pytest.mark.parametrize("name", REQUESTS)
async def test_each_request_sends_the_example_and_returns_the_answer(fake_server: FakeServer, name: str) -> None:
    call, answer, wanted = REQUESTS[name]
    async with Gateway(port=fake_server.port) as gateway:
        sent, _, result = await asked(fake_server, call(gateway), f"command_result.{answer}")
    assert sent == FROM_CLIENT[name]
    assert result == wanted


async def test_a_refused_request_raises_the_reason(fake_server: FakeServer) -> None:
    async with Gateway(port=fake_server.port) as gateway:
        with pytest.raises(CommandRejected, match=r"^there is a download 12345 already$") as raised:
            await asked(fake_server, gateway.add(URL, download_id="12345"), "command_result.conflict_by_id")
    assert (raised.value.reason, raised.value.download_id) == ("conflict", "12345")


def test_a_download_has_the_members_of_the_servers_record() -> None:
    record = {*JobRecord.model_fields, *JobRecord.model_computed_fields}
    assert {field.name for field in dataclasses.fields(Download)} == record
    submitted = {*SubmittedRecord.model_fields, *SubmittedRecord.model_computed_fields}
    assert {field.name for field in dataclasses.fields(AddedDownload)} == submitted


async def test_rejected_raises_the_reason(fake_server: FakeServer) -> None:
    async with Gateway(port=fake_server.port) as gateway:
        with pytest.raises(CommandRejected, match=r"^there is no download 12345$") as raised:
            await asked(fake_server, gateway.pause("12345"), "command_result.rejected_by_id")
    assert raised.value.reason == "unknown_download"


@pytest.mark.parametrize("name", FROM_CLIENT)
async def test_what_is_sent_by_hand_is_the_example(fake_server: FakeServer, name: str) -> None:
    async with Gateway(port=fake_server.port) as gateway:
        assert gateway.send_websocket_message(parse_members(FROM_CLIENT[name]))
        await until(lambda: fake_server.received)
    assert str(fake_server.received[0]).encode() == FROM_CLIENT[name]
