"""What the server writes and reads, byte by byte: events, how a channel shows them, answers, mistakes, commands."""

import pytest

from simulcast.frontend.authorization import parse_token
from simulcast.frontend.fanout.frames import payload_of
from simulcast.frontend.fanout.view import View
from simulcast.frontend.transport.rate_limit import RATE_LIMITED
from simulcast.model.command_parser import parse
from simulcast.model.commands import Command, InvalidCommand, JobCommand, Request, SubscriptionCommand
from simulcast.model.events import Event, Message, complete_event, encode, error_event, progress_event
from simulcast.model.position import Position
from simulcast.model.queue_place import QueuePlace
from tests.contract_examples import ANSWERED, FROM_CLIENT, FROM_SERVER, TOLD, kept, kind_of, parse_members
from tests.fake_clients import entry

URL = "https://example.com/a.iso"
RENDER = {"type": "render", "percent": 50}
AT_42 = Position(1790000000000, 42)
PAUSE = Command("pause", "12345")
PAUSE_BY_ID = Command("pause", "12345", "c-1")
CANCEL_JOB_BY_ID = JobCommand("cancel_job", "render-7", "c-1")
REMOVE_JOB = JobCommand("remove_job", "render-7")


def payload(message: Message) -> bytes:
    event = encode(message)
    assert isinstance(event, Event)
    return event.payload


def named(message: bytes) -> bytes:
    frame = View("a", with_channel=True).frame(entry(message.decode()))
    assert frame is not None
    return payload_of(frame)


def mistake(text: str) -> bytes:
    found = parse(text)
    assert isinstance(found, InvalidCommand)
    return found.encode().encode()


PROGRESS = payload(progress_event("12345", 0.75, 1024000))
UNKNOWN_SIZE = {"attempt": 1, "received_bytes": 2048, "total_bytes": None}
WRITTEN = {
    "download_progress": kept(17, PROGRESS),
    "download_progress.at_0": kept(16, payload(progress_event("12345", 0, 0))),
    "download_progress.at_1": kept(17, payload(progress_event("12345", 1, 1024000))),
    "download_progress.in_channel": named(kept(17, PROGRESS)),
    "download_progress.live_only": PROGRESS,
    "download_progress.live_only_in_channel": named(PROGRESS),
    "download_progress.size_unknown": kept(4, payload({**progress_event("12345", 0, 1024000), **UNKNOWN_SIZE})),
    "download_complete": kept(18, payload(complete_event("12345", "/downloads/a.iso"))),
    "download_error": kept(19, payload(error_event("12345", "the server answered 404"))),
    "download_error.not_ascii": kept(19, payload(error_event("12345", "größer als erlaubt 😀"))),
    "other": kept(20, payload({"type": "marker", "n": 1})),
    "position": payload_of(View("downloads", marks=True).position_mark(AT_42)),
    "position.in_channel": payload_of(View("a", with_channel=True, marks=True).position_mark(AT_42)),
    "command_result.accepted": PAUSE.encode_result(None).encode(),
    "command_result.accepted_by_id": PAUSE_BY_ID.encode_result(None).encode(),
    "command_result.cleared": Command("clear").encode_result(None).encode(),
    "command_result.unknown_download": PAUSE.encode_result("unknown_download").encode(),
    "command_result.rejected_by_id": PAUSE_BY_ID.encode_result("unknown_download").encode(),
    "command_result.invalid_transition": Command("delete", "12345").encode_result("invalid_transition").encode(),
    "command_result.unavailable": PAUSE.encode_result("unavailable").encode(),
    "command_result.job_accepted_by_id": CANCEL_JOB_BY_ID.encode_result(None).encode(),
    "command_result.job_in_channel_by_id": JobCommand("cancel_job", "render-7", "c-1", "a")
    .encode_result(None)
    .encode(),
    "command_result.unknown_job": REMOVE_JOB.encode_result("unknown_job").encode(),
    "command_result.subscribed": SubscriptionCommand(True, "a").encode_result(None).encode(),
    "command_result.unsubscribed": SubscriptionCommand(False, "a").encode_result(None).encode(),
    "command_result.subscribed_by_id": SubscriptionCommand(True, "a", None, "c-1")
    .encode_result(None, followed=["downloads", "a"])
    .encode(),
    "command_result.too_many_channels": SubscriptionCommand(True, "a", None, "c-1")
    .encode_result("too_many_channels", "a connection follows at most 50 channels")
    .encode(),
    "command_result.not_subscribed": SubscriptionCommand(True, "a").encode_result("unavailable").encode(),
    "error.not_an_object": mistake("[]"),
    "error.missing_member": mistake('{"action":"pause_download"}'),
    "error.invalid_json": mistake('{"action":'),
    "error.invalid_member": mistake('{"action":"pause_download","download_id":12345}'),
    "error.unknown_action": mistake('{"action":"fly"}'),
    "error.too_large": mistake("x" * 5000),
    "error.rate_limited": payload_of(RATE_LIMITED),
}
READ = {
    "pause_download": PAUSE,
    "pause_download.by_id": PAUSE_BY_ID,
    "resume_download": Command("resume", "12345"),
    "resume_download.by_id": Command("resume", "12345", "c-1"),
    "cancel_download": Command("cancel", "12345"),
    "cancel_download.by_id": Command("cancel", "12345", "c-1"),
    "retry_download": Command("retry", "12345"),
    "retry_download.by_id": Command("retry", "12345", "c-1"),
    "delete_download": Command("delete", "12345"),
    "delete_download.by_id": Command("delete", "12345", "c-1"),
    "delete_download.with_file": Command("delete", "12345", with_file=True),
    "delete_download.with_file_by_id": Command("delete", "12345", "c-1", with_file=True),
    "limit_download": Command("limit", "12345", bytes_per_s=1_000_000),
    "limit_download.by_id": Command("limit", "12345", "c-1", bytes_per_s=1_000_000),
    "relink_download": Command("relink", "12345", url="https://example.org/a.iso?signature=2"),
    "relink_download.by_id": Command("relink", "12345", "c-1", url="https://example.org/a.iso?signature=2"),
    "move_download": Command("move", "12345", place=QueuePlace("first")),
    "move_download.by_id": Command("move", "12345", "c-1", place=QueuePlace("before", "12346")),
    "prioritize_download": Command("prioritize", "12345", priority=1),
    "prioritize_download.by_id": Command("prioritize", "12345", "c-1", priority=1),
    "schedule_download": Command("schedule", "12345"),
    "schedule_download.by_id": Command("schedule", "12345", "c-1", start_at=1700000000.5),
    "rename_download": Command("rename", "12345", name="b.iso"),
    "rename_download.by_id": Command("rename", "12345", "c-1", name="b.iso"),
    "clear_finished": Command("clear"),
    "clear_finished.by_id": Command("clear", command_id="c-1"),
    "cancel_job": JobCommand("cancel_job", "render-7"),
    "cancel_job.by_id": CANCEL_JOB_BY_ID,
    "cancel_job.in_channel_by_id": JobCommand("cancel_job", "render-7", "c-1", "a"),
    "remove_job": REMOVE_JOB,
    "remove_job.by_id": JobCommand("remove_job", "render-7", "c-1"),
    "add_download": Request("add_download", "", {"url": URL}),
    "add_download.by_id": Request("add_download", "c-1", {"url": URL, "download_id": "12345"}),
    "add_download.with_options": Request(
        "add_download",
        "c-1",
        {"url": URL, "download_id": "12345", "priority": 1, "again": True}
        | {"name": "b.iso", "folder": "films/2026", "limit_bytes_per_s": 1_000_000, "headers": {"Cookie": "a=b"}},
    ),
    "get_download.by_id": Request("get_download", "c-1", {"download_id": "12345"}),
    "list_downloads.by_id": Request("list_downloads", "c-1", {"offset": 0, "limit": 100}),
    "list_downloads.page": Request(
        "list_downloads", "c-1", {"state": "complete", "sort": "name", "order": "asc", "offset": 100, "limit": 50}
    ),
    "publish.by_id": Request("publish", "c-1", {"channel": "reports", "event": RENDER}),
    "publish.with_key": Request(
        "publish",
        "c-1",
        {"channel": "reports", "event": RENDER, "key": "render:intro", "idempotency_key": "5f6e1c", "ttl_s": 60},
    ),
    "subscribe": SubscriptionCommand(True, "a"),
    "subscribe.by_id": SubscriptionCommand(True, "a", None, "c-1"),
    "subscribe.since": SubscriptionCommand(True, "a", Position(1790000000000, 17)),
    "unsubscribe": SubscriptionCommand(False, "a"),
    "unsubscribe.by_id": SubscriptionCommand(False, "a", None, "c-1"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_server_writes_the_example(name: str) -> None:
    assert WRITTEN[name] == FROM_SERVER[name]


def test_the_server_finds_the_token_in_the_example() -> None:
    message = FROM_CLIENT["authenticate"]
    assert parse_token(message.decode()) == parse_members(message)["token"]


@pytest.mark.parametrize("name", sorted(set(FROM_CLIENT) - {"authenticate"}))
def test_the_server_understands_the_example(name: str) -> None:
    assert parse(FROM_CLIENT[name].decode()) == READ[name]


def test_every_example_is_one_that_the_server_writes() -> None:
    assert set(FROM_SERVER) == {*WRITTEN, *TOLD, *ANSWERED, "hello", "hello.snapshot"}


def test_every_example_is_named_by_its_kind() -> None:
    for examples, member in ((FROM_SERVER, "type"), (FROM_CLIENT, "action")):
        for name, message in examples.items():
            assert name == "other" or parse_members(message)[member] == kind_of(name)
