"""Messages printed for debugging, by one switch."""

import re

import pytest

from simulcast.gateway import Gateway
from tests.conditions import until
from tests.gateway_server import FakeServer, progress_event
from tests.service import ROOT

PRINTED = {
    "Hello from Flutter!": "Hello from Flutter!",
    r'{"action":"authenticate","token":"ey\"J"}': '{"action":"authenticate","token":"…"}',
    '{"headers":{"Cookie":"a}b"},"basic":{"user":"ada","password":"p"}}': (
        '{"headers":"…","basic":{"user":"ada","password":"…"}}'
    ),
    '{"bearer":"b","proxy":"http://u:p@h:1","name":"token"}': '{"bearer":"…","proxy":"…","name":"token"}',
}


async def test_each_message_is_printed_without_its_secrets(
    fake_server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    event = progress_event("7-1")
    async with fake_server.gateway() as gateway:
        gateway.print_messages = True
        for text in PRINTED:
            assert gateway.send_websocket_message(text)
        delivered = list[str]()
        gateway.on_websocket_message = delivered.append
        await fake_server.say(event)
        await until(lambda: delivered == [event])
    printed = [*(f"gateway > {text}" for text in PRINTED.values()), f"gateway < {event}"]
    assert capsys.readouterr().err.splitlines() == printed


async def test_nothing_is_printed_unless_the_switch_is_set(
    fake_server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with fake_server.gateway() as gateway:
        gateway.send_websocket_message("Hello")
        await until(lambda: fake_server.received == ["Hello"])
    assert capsys.readouterr() == ("", "")
    assert Gateway(print_messages=True).print_messages


def test_all_clients_hide_the_same_secrets() -> None:
    files = [
        "simulcast/gateway/printing.py",
        "simulcast/gateway/gateway_printing.js",
        "clients/dart/lib/src/client.dart",
    ]
    patterns = [re.search(r'"\(token.*?\\\}\)', (ROOT / file).read_text(encoding="utf-8")) for file in files]
    assert len({pattern and pattern[0] for pattern in patterns}) == 1
    assert patterns[0] is not None
