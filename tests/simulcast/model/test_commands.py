import json

import pytest

from simulcast.model.command_parser import parse
from simulcast.model.commands import Command, InvalidCommand, Request


def test_a_command_is_read_with_its_id() -> None:
    assert parse('{"action":"pause_download","download_id":"12345"}') == Command("pause", "12345")
    assert parse('{"action":"retry_download","download_id":"1","command_id":"c"}') == Command("retry", "1", "c")


@pytest.mark.parametrize("text", ["Hello from Flutter!", "", "\x00", " ", '"open', "nul"])
def test_text_that_is_not_meant_as_json_is_ignored(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "invalid_json"),
        (" \n{'a':1}", "invalid_json"),
        ("[" * 4000, "invalid_json"),
        ('{"a":' * 800, "invalid_json"),
        ('{"action":"pause_download","download_id":"\\ud800"}', "invalid_json"),
        ('{"action":"pause_download","download_id":"1"', "invalid_json"),
        ('{"action":NaN}', "invalid_json"),
        ("{" + "é" * 4000, "invalid_json"),
        ("[1]", "not_an_object"),
        ("3", "not_an_object"),
        ("null", "not_an_object"),
        ("{}", "missing_member"),
        ('{"action":"fly","download_id":"1"}', "unknown_action"),
        ('{"action":["pause_download"],"download_id":"1"}', "unknown_action"),
        ('{"action":"pause_download"}', "missing_member"),
        ('{"action":"pause_download","download_id":1}', "invalid_member"),
        ('{"action":"pause_download","download_id":""}', "invalid_member"),
        ('{"action":"pause_download","download_id":"' + "x" * 201 + '"}', "invalid_member"),
        ('{"action":"pause_download","download_id":"1","command_id":{}}', "invalid_member"),
        ("[" * 100_000, "too_large"),
    ],
)
def test_json_that_makes_no_sense_is_answered(text: str, code: str) -> None:
    found = parse(text)
    assert isinstance(found, InvalidCommand)
    answer = json.loads(found.encode())
    assert (answer["type"], answer["code"]) == ("error", code)
    assert len(found.encode()) < 500


def test_downloads_of_another_channel_are_named_with_it() -> None:
    named = '"channel":"user.alice","command_id":"c"}'
    assert parse('{"action":"pause_download","download_id":"1",' + named) == Command(
        "pause", "1", "c", channel="user.alice"
    )
    assert parse('{"action":"clear_finished",' + named) == Command("clear", command_id="c", channel="user.alice")
    assert parse('{"action":"list_downloads","limit":5,' + named) == Request(
        "list_downloads", "c", {"limit": 5}, "user.alice"
    )
    published = parse('{"action":"publish","event":{},' + named)
    assert published == Request("publish", "c", {"event": {}, "channel": "user.alice"})
    result = json.loads(Command("pause", "1", "c", channel="user.alice").encode_result(None))
    assert result["channel"] == "user.alice"
    for channel in ('""', "7", "null", '"a b"', '"' + "x" * 101 + '"'):
        found = parse('{"action":"get_download","download_id":"1","channel":' + channel + "}")
        assert isinstance(found, InvalidCommand) and found.code == "invalid_member"


def test_a_result_names_what_was_asked() -> None:
    command = Command("cancel", "12345", "c1")
    assert json.loads(command.encode_result(None)) == {
        "type": "command_result",
        "action": "cancel_download",
        "download_id": "12345",
        "status": "accepted",
        "command_id": "c1",
    }
    rejected = json.loads(command.encode_result("unknown_download"))
    assert (rejected["status"], rejected["reason"]) == ("rejected", "unknown_download")
    assert "12345" in rejected["message"]
