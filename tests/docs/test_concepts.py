"""The worked example of docs/concepts.md, played on a front-end."""

import json
import re

import websockets

from simulcast.broker import Broker
from tests.documents import blocks
from tests.programs import StartFrontEnd
from tests.service import ROOT, collect
from tests.valkey import Valkey

PAGE = "docs/concepts.md"


def shown_offsets(sentence: str) -> list[int]:
    """Return the numbers in bold behind those words."""
    match = re.search(rf"{sentence}[^*]*\*\*(.*?)\*\*", (ROOT / PAGE).read_text(encoding="utf-8"))
    assert match, sentence
    return [int(number) for number in re.findall(r"\d+", match[1])]


async def test_a_reconnect_brings_the_offsets_that_the_page_names(front_end: StartFrontEnd, own_valkey: Valkey) -> None:
    running = await front_end()
    broker = Broker.connect(own_valkey.url)
    positions = []
    for block in blocks(PAGE, "json"):
        event = json.loads(block)
        shown = event.pop("event_id")
        position = await broker.publish(event)
        assert position is not None
        assert shown.endswith(f"-{position.offset}")
        positions.append(position)
    await broker.aclose()

    async def reconnect(query: str) -> tuple[bool, list[int]]:
        """Return whether the front-end says `recovered`, and the offsets that it sends."""
        offer = [websockets.Subprotocol("simulcast.v1")]
        async with websockets.connect(running.ws + query, proxy=None, subprotocols=offer) as client:
            await client.send("{}")  # answered behind all that the client is owed
            hello, *events, _ = [json.loads(text) for text in await collect(client, "missing_member")]
        ids = [event["event_id"].split("-") for event in events]
        assert {int(epoch) for epoch, _ in ids} == {positions[0].epoch}
        return hello["recovered"], [int(offset) for _, offset in ids]

    snapshot = shown_offsets("A client without a position receives the snapshot")
    assert await reconnect(f"?since={positions[0]}") == (True, shown_offsets("comes back after offset 5"))
    assert await reconnect("") == (False, snapshot)
    assert await reconnect("?since=1-1") == (False, snapshot)
