"""`simulcast publish`: checks one event and publishes it."""

import json
from typing import TextIO

from simulcast.cli.commands import Target
from simulcast.cli.service.protocol import PublishOptions
from simulcast.errors import CommandError
from simulcast.model.channel import ChannelNames
from simulcast.model.events import encode


def check_channel(channel: str) -> None:
    """Raise CommandError for an invalid name of a channel."""
    try:
        ChannelNames(channel)
    except ValueError as error:
        raise CommandError(str(error)) from error


def read_all(stream: TextIO) -> str:
    """Return the stream's text. Raises CommandError for bytes that are no text."""
    try:
        return stream.read()
    except UnicodeDecodeError as error:
        raise CommandError(f"the event is not {error.encoding} (byte {error.start}): encode it as UTF-8") from error


def check_event(text: str, options: PublishOptions) -> None:
    """Raise CommandError for text that is no JSON object, InvalidEvent for a wrong member or option."""
    if any("\ud800" <= character <= "\udfff" for character in text):  # arguments of a shell that are not UTF-8
        raise CommandError("the event is not UTF-8: encode it as UTF-8")
    if not isinstance(encode(text), str):
        encode(text, options.key, ttl_s=options.ttl_s, ends=options.ends)
        return
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CommandError(
            f"this is no JSON: {text.strip()[:80]!r} ({error}). In a shell, put it in single quotes: "
            """'{"type":"download_progress","download_id":"x","progress":0.5,"speed":1000}'"""
        ) from error
    raise CommandError(f"an event is a JSON object in braces, not {json.dumps(value)[:80]}")


def _refuse_constant(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


async def publish(target: Target, channel: str, text: str, options: PublishOptions) -> str:
    """Publish the event and return its position. Raises CommandError, InvalidEvent, BrokerUnavailable."""
    check_channel(channel)
    check_event(text, options)
    async with target.open() as service:
        return await service.publish(channel, text, options)
