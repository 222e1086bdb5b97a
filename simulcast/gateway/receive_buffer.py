"""Messages that were received and not yet read by `async for`."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class ReceiveBuffer:
    """Texts, oldest first, at most `max_characters` of them together.

    Beyond that, `put` waits while there is a reader; without one, the oldest are dropped.
    """

    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters
        self._texts: deque[str] = deque()
        self._characters = 0
        self._has_reader = False
        self._has_ended = True
        self._unbounded_users = 0
        # Made again for each wait: the last one may belong to an event loop that has ended.
        self._has_texts = self._has_room = asyncio.Event()

    @property
    def has_reader(self) -> bool:
        """True while there is a reader."""
        return self._has_reader

    def begin(self) -> None:
        """Expect texts from here on."""
        self._has_ended = False

    def end(self) -> None:
        """Expect no more, until `begin`: a reader gets the remaining texts, and then nothing."""
        self._has_ended = True
        self._has_texts.set()
        self._has_room.set()

    async def put(self, text: str) -> None:
        """Add `text` immediately, and then wait for room if there is a reader."""
        self._texts.append(text)
        self._characters += len(text)
        self._has_texts.set()
        while self._is_full() and self._has_reader and not self._unbounded_users and not self._has_ended:
            self._has_room = asyncio.Event()
            await self._has_room.wait()
        while self._is_full() and not self._has_reader:
            self._characters -= len(self._texts.popleft())

    async def take(self) -> list[str]:
        """Return all texts, and at least one; an empty list at the end."""
        while not self._texts and not self._has_ended:
            self._has_texts = asyncio.Event()
            await self._has_texts.wait()
        texts = list(self._texts)
        self._texts.clear()
        self._characters = 0
        self._has_room.set()
        return texts

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Be the reader. Raises RuntimeError if there is one already: each message is read once."""
        if self._has_reader:
            raise RuntimeError("another loop iterates over this Gateway: make a second Gateway for a second reader")
        self._has_reader = True
        try:
            yield
        finally:
            self._has_reader = False
            self._has_room.set()

    @contextmanager
    def unbounded(self) -> Iterator[None]:
        """Let `put` not wait meanwhile: the reader itself waits for a message behind the unread ones."""
        self._unbounded_users += 1
        self._has_room.set()
        try:
            yield
        finally:
            self._unbounded_users -= 1

    def _is_full(self) -> bool:
        return self._characters > self._max_characters
