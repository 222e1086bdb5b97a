"""What a real front-end sends first to who speaks simulcast.v1, and what becomes of numbers that are posted to it.

Dart throws on `1` where it wants a double and on `1.0` where it wants an int, so one is never written as the other.
"""

import asyncio
import re

import pytest
import websockets

from simulcast.broker import Broker
from simulcast.model.events import complete_event
from tests.contract_examples import FROM_SERVER, parse_members
from tests.http_requests import raw_request
from tests.programs import StartFrontEnd
from tests.service import FrontEnd, collect
from tests.valkey import Valkey

POST = "POST /channels/downloads/publish HTTP/1.1\nHost: localhost\nContent-Type: application/json"


async def first_words(running: FrontEnd, query: str = "") -> bytes:
    """The first message, with its position replaced by that of the examples."""
    address = running.ws + query
    async with websockets.connect(address, proxy=None, subprotocols=[websockets.Subprotocol("simulcast.v1")]) as client:
        async with asyncio.timeout(20):
            text = await client.recv()
    assert isinstance(text, str)
    hello, position = FROM_SERVER["hello"], str(parse_members(text.encode())["position"])
    return text.encode().replace(position.encode(), str(parse_members(hello)["position"]).encode())


async def test_hello_is_the_example(front_end: StartFrontEnd, own_valkey: Valkey) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    position = await broker.publish(complete_event("12345", "/downloads/a.iso"))
    await broker.aclose()
    assert await first_words(running) == FROM_SERVER["hello.snapshot"]
    assert await first_words(running, f"?since={position}") == FROM_SERVER["hello"]


@pytest.mark.parametrize("kind", ["download_progress", "download_queued"])
async def test_what_is_posted_has_decimal_points_where_dart_wants_them(front_end: StartFrontEnd, kind: str) -> None:
    running = await front_end()
    accepted = ["0", "1", "1.0", "1E0", "-0.0", "1e-7", "5e-5", "0.75", "0.30000000000000004", "null"]
    refused = ['"1"', "1e300", "1e999", "-1", "75", "true", "[]"]
    async with await running.connect() as client:
        for number in accepted + refused:
            # As text, since a client in another language may write a number as it likes.
            event = f'{{"type":"{kind}","download_id":"12345","progress":{number},"speed":1024000.0}}'
            status, answer = await raw_request(running, POST, event.encode())
            assert (status, "progress" in answer) == ((200, False) if number in accepted else (422, True)), number
        await running.post("/channels/downloads/publish", {"type": "last"})
        texts = await collect(client, '"last"')
    written = [re.search(r'"progress":(.*),"speed":(.*)\}', text) for text in texts[:-1]]
    assert [found and found[1] for found in written] == [
        *("0.0", "1.0", "1.0", "1.0", "0.0", "0.0", "0.0001", "0.75", "0.30000000000000004", "0.0")
    ]
    assert {found and found[2] for found in written} == {"1024000"}
