"""How far a client has read, so that after a loss it misses nothing and is told nothing twice."""

import re

# The server puts event_id first (docs/protocol.md), so no message has to be parsed to find it.
_BEGINNING = re.compile(r'\{"event_id":"([^"\\]{1,128})-([0-9]{1,20})"(?:,"channel":"([\w.:-]{1,100})")?', re.ASCII)


class ResumePosition:
    """The last position that was seen, `<epoch>-<offset>`; one for each channel, where events carry their channel.

    Within an epoch offsets rise. Epochs compare by equality only; the one that was seen last counts.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, int]] = {}  # "": of events that carry no channel
        self._before: dict[str, tuple[str, int]] = {}

    @property
    def event_id(self) -> str | None:
        """What to ask `since`, `7-3` or `a:7-3,b:7-1`; None before the first event."""
        named = [f"{channel}:{epoch}-{offset}" for channel, (epoch, offset) in self._last.items() if channel]
        if named:
            return ",".join(named)
        last = self._last.get("")
        return None if last is None else f"{last[0]}-{last[1]}"

    def begin(self) -> None:
        """A connection begins. What was seen up to here may come again, in a snapshot; it isn't news then."""
        self._before = dict(self._last)

    def is_new(self, text: str) -> bool:
        """Takes note of one message. False if an earlier connection had brought it already.

        That is so where its epoch is the one that was last seen in its channel before this connection, and its offset
        no larger. What has no event_id or another epoch is always news, and so is all of the first connection.
        """
        match = _BEGINNING.match(text)
        if match is None:
            return True
        epoch, offset, channel = match[1], int(match[2]), match[3] or ""
        before = self._before.get(channel)
        if before is not None and epoch == before[0] and offset <= before[1]:
            return False
        last = self._last.get(channel)
        if last is None or epoch != last[0] or offset > last[1]:
            self._last[channel] = (epoch, offset)
        return True
