"""Options of a client's query: channels, positions, one download, an interval. Decides; does no I/O."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.view import View
from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.model.events import MAX_ID_CHARS
from simulcast.model.position import Position
from simulcast.model.repeated import check_unique

VERSIONED = "simulcast.v1"
JOINED = "simulcast.v1.joined"  # and events that are sent together come in one message
FLAT = "simulcast.flat"
MAX_CHANNELS_PER_CONNECTION = 50
_SINGLE = frozenset({"since", "download_id", "interval_ms"})
_INTERVAL_STEPS_MS = ((1_000, 100), (5_000, 500), (60_000, 5_000))  # up to which interval, which step
MAX_INTERVAL_MS = 60_000


@dataclass(frozen=True, slots=True)
class SubscribeOptions:
    """The options of one connection, or of many equal ones. `versioned`: the client speaks simulcast.v1, or
    simulcast.v1.joined (`joined`).

    `resumes`: it speaks a subprotocol of ours, so it keeps its position and comes back with it.
    """

    channels: tuple[str, ...] = (DEFAULT_CHANNEL,)
    since: Mapping[str, Position] = field(default_factory=dict)
    download_id: str = ""
    interval_ms: int = 0
    versioned: bool = False
    joined: bool = False
    resumes: bool = field(default=False, compare=False)

    @property
    def with_channel(self) -> bool:
        """True if events carry their channel: the client follows several."""
        return len(self.channels) > 1

    def view(self, channel: str, with_channel: bool, deflate: Deflate | None) -> View:
        """Return the client's view of that channel."""
        return _shared(channel, with_channel, self.download_id, self.interval_ms, self.versioned, self.joined, deflate)


_shared = lru_cache(maxsize=1024)(View)


def select_subprotocol(offered: Sequence[str]) -> str | None:
    """Return the offered subprotocol that is spoken, if any."""
    return next((name for name in (JOINED, VERSIONED, FLAT) if name in offered), None)


def parse(
    query: Sequence[tuple[str, str]],
    offered: Sequence[str] = (),
    default_channel: str = DEFAULT_CHANNEL,
) -> SubscribeOptions:
    """Parse the query's pairs; unknown names are ignored. Raises ValueError, which names the invalid one."""
    channels = tuple(dict.fromkeys(value for name, value in query if name == "channel")) or (default_channel,)
    if len(channels) > MAX_CHANNELS_PER_CONNECTION:
        raise ValueError(f"channel: at most {MAX_CHANNELS_PER_CONNECTION} of them, not {len(channels)}")
    for channel in channels:
        ChannelNames(channel)
    check_unique(name for name, _ in query if name in _SINGLE)
    values = dict(query)
    download_id = values.get("download_id", "")
    if len(download_id) > MAX_ID_CHARS:
        raise ValueError(f"download_id: at most {MAX_ID_CHARS} characters")
    subprotocol = select_subprotocol(offered)
    return SubscribeOptions(
        channels,
        parse_positions(values.get("since", ""), channels),
        download_id,
        _parse_interval(values.get("interval_ms", "0")),
        subprotocol in (VERSIONED, JOINED),
        subprotocol == JOINED,
        subprotocol is not None,
    )


parse_shared = lru_cache(maxsize=256)(parse)  # for the equal queries of a crowd, which are short


def parse_positions(text: str, channels: Sequence[str]) -> dict[str, Position]:
    """Parse `1790000000000-42`, or for several channels `a:1790000000000-42,b:…`. Raises ValueError.

    Positions in other channels are dropped: a query may name thousands, and the client's options are kept in memory.
    """
    positions = {}
    for part in filter(None, text.split(",")):
        channel, _, position = part.rpartition(":")
        if not channel and len(channels) > 1:
            raise ValueError("since: with several channels a position is channel:id, separated by commas")
        try:
            parsed = Position.parse(position)
        except ValueError as error:
            raise ValueError(f"since: {error}") from None
        if (name := channel or channels[0]) in channels:
            positions[name] = parsed
    return positions


def _parse_interval(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > MAX_INTERVAL_MS:
        raise ValueError(f"interval_ms: a whole number from 0 to {MAX_INTERVAL_MS}, not {text[:20]!r}")
    # Clients of few intervals share their batches: each view reads all events, and compresses its own.
    step = next(step for up_to, step in _INTERVAL_STEPS_MS if int(text) <= up_to)
    return -(-int(text) // step) * step
