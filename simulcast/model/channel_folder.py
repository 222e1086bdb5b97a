"""Where the files of a channel lie in the download folder: those of `downloads` in it, those of others below it."""

import re
from pathlib import Path

from simulcast.model.channel import CHANNEL_PATTERN, DEFAULT_CHANNEL

CHANNELS_FOLDER = "channels"
"""The folder of the folders of all other channels: no download is given this name."""

_CHANNEL = re.compile(CHANNEL_PATTERN, re.ASCII)
_UNSAFE = re.compile(r"[A-Z:]|^\.", re.ASCII)
_ESCAPE = re.compile(r"\+([a-z+.])", re.ASCII)


def channel_path(channel: str) -> str:
    """Return the folder of a channel, relative to the download folder; "" for that itself.

    No two channels have the same one, also where case does not count, and none leads out of the download folder.
    """
    return "" if channel == DEFAULT_CHANNEL else f"{CHANNELS_FOLDER}/{_UNSAFE.sub(_escape, channel)}"


def channel_folder(folder: Path, channel: str) -> Path:
    """Return the folder of a channel in this download folder."""
    return folder / channel_path(channel)


def channel_of(name: str) -> str | None:
    """Return the channel whose folder has this name in CHANNELS_FOLDER; None for another name."""
    channel = _ESCAPE.sub(lambda match: _unescape(match[1]), name)
    is_one = _CHANNEL.fullmatch(channel) and channel_path(channel) == f"{CHANNELS_FOLDER}/{name}"
    return channel if is_one else None


def _escape(match: re.Match[str]) -> str:
    return "++" if match[0] == ":" else f"+{match[0].lower()}"


def _unescape(character: str) -> str:
    return ":" if character == "+" else character.upper()
