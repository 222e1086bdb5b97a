"""How far a client has read, so that after a loss it misses no event and gets none twice."""

import re
from collections.abc import Sequence

# The server puts event_id first (docs/protocol.md), so no message has to be parsed to find it.
_EVENT = re.compile(r'\{"event_id":"([^"\\]{1,128})-([0-9]{1,20})"(?:,"channel":"([\w.:-]{1,100})")?', re.ASCII)

MAX_EPOCHS = 64  # of one channel; an epoch begins when Redis loses events


class ResumePosition:
    """The last position that was received, `<epoch>-<offset>`; one for each channel, where events carry their channel.

    Within an epoch offsets rise. Epochs compare by equality only, and the client resumes in the last one. Up to
    `MAX_EPOCHS` are kept in each channel, since a snapshot may hold events of several, from the last ten minutes.

    `channels`: those that a new connection follows; none for those of its URL.
    """

    def __init__(self) -> None:
        # The largest offset of each epoch, the epoch of the newest event last; "" for events that carry no channel.
        self._offsets: dict[str, dict[str, int]] = {}
        self._before: dict[str, dict[str, int]] = {}
        self._alone = ""  # the channel of events that carry none, once it is known
        self.channels: tuple[str, ...] = ()

    @property
    def event_id(self) -> str | None:
        """The value of `since`, `7-3` or `a:7-3,b:7-1`; None before the first event."""
        last = {channel: "-".join(map(str, [*offsets.items()][-1])) for channel, offsets in self._offsets.items()}
        named = [f"{channel}:{position}" for channel, position in last.items() if channel]
        return ",".join(named) if named else last.get("")

    def begin(self) -> None:
        """Begin a connection: events up to here may come again, in a snapshot, and count as repeats then."""
        self._before = {channel: dict(offsets) for channel, offsets in self._offsets.items()}
        self._alone = self.channels[0] if len(self.channels) == 1 else ""

    def follow(self, channels: Sequence[str], added: str) -> None:
        """Take over all channels of this connection, to which `added` has come, "" for none, and drop the others.

        The first time they tell the channel of the events that carried none.
        """
        others = [channel for channel in channels if channel != added]
        owner = (others or [added])[0]
        if not self.channels and owner:
            self._alone = owner
            for places in (self._offsets, self._before):
                for epoch, offset in places.pop("", {}).items():
                    known = places.setdefault(owner, {})
                    known[epoch] = max(offset, known.pop(epoch, -1))
        self.channels = tuple(channels)
        for places in (self._offsets, self._before):
            for channel in places.keys() - {*channels, ""}:
                del places[channel]

    def is_new(self, text: str) -> bool:
        """Record one message. False if an earlier connection had brought it already.

        That is so where an earlier connection had brought its offset, or a larger one, of its epoch and channel. A
        message without event_id or of an unknown epoch is always new, and so is all of the first connection.
        """
        match = _EVENT.match(text)
        if match is None:
            return True
        epoch, offset, channel = match[1], int(match[2]), match[3] or self._alone
        if offset <= self._before.get(channel, {}).get(epoch, -1):
            return False
        offsets = self._offsets.setdefault(channel, {})
        offsets[epoch] = max(offset, offsets.pop(epoch, -1))
        if len(offsets) > MAX_EPOCHS:
            del offsets[next(iter(offsets))]
        return True
