"""How far a client has read, so that after a loss it misses no event and gets none twice."""

import re

# The server puts event_id first (docs/protocol.md), so no message has to be parsed to find it.
_EVENT = re.compile(r'\{"event_id":"([^"\\]{1,128})-([0-9]{1,20})"(?:,"channel":"([\w.:-]{1,100})")?', re.ASCII)


class ResumePosition:
    """The last position that was received, `<epoch>-<offset>`; one for each channel, where events carry their channel.

    Within an epoch offsets rise. Epochs compare by equality only; the last one counts.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, int]] = {}  # "": of events that carry no channel
        self._before: dict[str, tuple[str, int]] = {}

    @property
    def event_id(self) -> str | None:
        """The value of `since`, `7-3` or `a:7-3,b:7-1`; None before the first event."""
        named = [f"{channel}:{epoch}-{offset}" for channel, (epoch, offset) in self._last.items() if channel]
        if named:
            return ",".join(named)
        last = self._last.get("")
        return None if last is None else f"{last[0]}-{last[1]}"

    def begin(self) -> None:
        """Begin a connection: events up to here may come again, in a snapshot, and count as repeats then."""
        self._before = dict(self._last)

    def is_new(self, text: str) -> bool:
        """Record one message. False if an earlier connection had brought it already.

        That is so where its epoch is the last one of its channel before this connection, and its offset no larger. A
        message without event_id or of another epoch is always new, and so is all of the first connection.
        """
        match = _EVENT.match(text)
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
