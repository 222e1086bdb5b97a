"""Messages that were sent while nothing was connected, and wait."""

from collections import deque
from collections.abc import Callable


class SendQueue:
    """At most `max_messages`, and `max_bytes` of UTF-8 together. Beyond, a new message is refused; no older one is
    dropped, since its sender was promised that it waits."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._texts: deque[str] = deque()
        self._bytes = 0

    def put(self, text: str) -> bool:
        """Add a message. False: there is no room for it."""
        size = len(text.encode())
        if len(self._texts) >= self._max_messages or self._bytes + size > self._max_bytes:
            return False
        self._texts.append(text)
        self._bytes += size
        return True

    def flush(self, send: Callable[[str], bool]) -> None:
        """Send them, oldest first, until `send` returns False; that one and the rest go on waiting."""
        while self._texts and send(self._texts[0]):
            self._bytes -= len(self._texts.popleft().encode())

    def clear(self) -> None:
        """Drop them."""
        self._texts.clear()
        self._bytes = 0
