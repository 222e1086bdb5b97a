"""`simulcast publish`: one event for everyone who watches."""

import json
from typing import TextIO

from simulcast.cli.redis import broker_at
from simulcast.errors import CommandError
from simulcast.model.channel import ChannelNames
from simulcast.model.events import encode
from simulcast.model.position import Position


def checked_channel(channel: str) -> str:
    """The channel. Raises CommandError for a name that can't be one."""
    try:
        return ChannelNames(channel).channel
    except ValueError as error:
        raise CommandError(str(error)) from error


def read_all(stream: TextIO) -> str:
    """What the stream holds. Raises CommandError where it isn't text."""
    try:
        return stream.read()
    except UnicodeDecodeError as error:
        raise CommandError(f"the event is not {error.encoding} (byte {error.start}): encode it as UTF-8") from error


def checked_event(text: str) -> str:
    """The text, which is an event. Raises CommandError where it is no JSON object, InvalidEvent for a wrong member."""
    if any("\ud800" <= character <= "\udfff" for character in text):  # what a shell's odd bytes become
        raise CommandError("the event is not UTF-8: encode it as UTF-8")
    if not isinstance(encode(text), str):
        return text
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CommandError(
            f"this is no JSON: {text.strip()[:80]!r} ({error}). In a shell, put it in single quotes: "
            """'{"type":"download_progress","download_id":"x","progress":0.5,"speed":1000}'"""
        ) from error
    raise CommandError(f"an event is a JSON object in braces, not {json.dumps(found)[:80]}")


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


async def publish(url: str, channel: str, text: str) -> Position:
    """The event's position. Raises CommandError, InvalidEvent, BrokerUnavailable."""
    checked_channel(channel)
    checked_event(text)
    async with broker_at(url) as broker:
        position = await broker.publish(text, channel)
    assert position is not None  # noqa: S101 (it is an object)
    return position
