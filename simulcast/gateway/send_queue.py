"""What is sent while nothing is connected, and waits."""

from collections import deque
from collections.abc import Callable


class SendQueue:
    """At most `most_messages`, and `most_bytes` of UTF-8 together. Beyond, a message is refused, not an older one
    dropped: that one was promised to wait."""

    def __init__(self, most_messages: int, most_bytes: int) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._texts: deque[str] = deque()
        self._bytes = 0

    def put(self, text: str) -> bool:
        """False: there is no room for it."""
        size = len(text.encode())
        if len(self._texts) >= self._most_messages or self._bytes + size > self._most_bytes:
            return False
        self._texts.append(text)
        self._bytes += size
        return True

    def empty(self, send: Callable[[str], bool]) -> None:
        """Sends them, oldest first, until `send` says False; that one and the rest go on waiting."""
        while self._texts and send(self._texts[0]):
            self._bytes -= len(self._texts.popleft().encode())

    def clear(self) -> None:
        """Nobody wants them any more."""
        self._texts.clear()
        self._bytes = 0
