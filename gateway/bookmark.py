"""How far a client has read, so that after a loss it misses nothing and is told nothing twice."""

import re

# The server puts event_id first (docs/protocol.md), so no message has to be parsed to find it.
_BEGINNING = re.compile(r'\{"event_id":"([^"\\]{1,128})-([0-9]{1,20})"')


class Bookmark:
    """The last position that was seen, `<epoch>-<offset>`.

    Within an epoch offsets rise. Epochs compare by equality only; the one that was seen last counts.
    """

    def __init__(self) -> None:
        self._last: tuple[str, int] | None = None
        self._before: tuple[str, int] | None = None

    @property
    def event_id(self) -> str | None:
        """What to ask `since`; None before the first event."""
        return None if self._last is None else f"{self._last[0]}-{self._last[1]}"

    def begin(self) -> None:
        """A connection begins. What was seen up to here may come again, in a snapshot; it isn't news then."""
        self._before = self._last

    def is_news(self, text: str) -> bool:
        """Takes note of one message. False if an earlier connection had brought it already.

        That is so where its epoch is the one that was last seen before this connection, and its offset no
        larger. What has no event_id or another epoch is always news, and so is all of the first connection.
        """
        match = _BEGINNING.match(text)
        if match is None:
            return True
        epoch, offset = match[1], int(match[2])
        if self._before is not None and epoch == self._before[0] and offset <= self._before[1]:
            return False
        if self._last is None or epoch != self._last[0] or offset > self._last[1]:
            self._last = (epoch, offset)
        return True
