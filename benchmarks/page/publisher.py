"""Progress of many downloads at a steady rate. It is encoded beforehand, so that the page gets the processor."""

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import hiredis

from simulcast.broker import build_publish_call
from simulcast.model.channel import ChannelNames
from simulcast.model.events import Event, encode

EVENTS_S = 4  # of each download that runs
TURNS = 20  # of different progress
TOGETHER = 50
IN_FLIGHT = 20  # times TOGETHER commands without a reply


def progress(number: int, turn: int) -> dict[str, Any]:
    """Return an event of a download that another program carries out."""
    return {
        "type": "download_progress",
        "download_id": f"r{number}",
        "name": f"running-{number}.iso",
        "progress": turn / TURNS,
        "speed": 1_000_000 + (number * 7919 + turn * 104_729) % 9_000_000,
        "received_bytes": turn * 1_000_000_000 // TURNS,
        "total_bytes": 1_000_000_000,
    }


def encode_batches(names: ChannelNames, count: int) -> list[bytes]:
    """Return the commands of all turns of `count` downloads, TOGETHER in each. `count` is a multiple of TOGETHER."""
    commands = []
    for turn in range(TURNS):
        for number in range(count):
            event = encode(progress(number, turn))
            assert isinstance(event, Event)
            call = build_publish_call(names, event, "")
            commands.append(hiredis.pack_command(call))  # type: ignore[arg-type]  # its stub wants one element
    return [b"".join(commands[at : at + TOGETHER]) for at in range(0, len(commands), TOGETHER)]


async def publish(url: str, count: int, stop: asyncio.Event) -> float:
    """Publish progress of so many downloads EVENTS_S times a second until `stop`; return the events per second.

    Raises what Redis refuses a command with.
    """
    batches = encode_batches(ChannelNames(), count)
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
    replies = hiredis.Reader()
    batches_s = count * EVENTS_S / TOGETHER
    sent, answered, begun_s = 0, 0, time.monotonic()
    while not stop.is_set():
        writer.write(batches[sent % len(batches)])
        sent += 1
        while answered < (sent - IN_FLIGHT) * TOGETHER:
            if (reply := replies.gets()) is False:
                replies.feed(await reader.read(2**16))
            elif isinstance(reply, Exception):
                raise reply
            else:
                answered += 1
        await asyncio.sleep(max(0.0, begun_s + sent / batches_s - time.monotonic()))
    writer.close()
    return answered / (time.monotonic() - begun_s)
