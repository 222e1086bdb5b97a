"""What came and was not read yet by `async for`."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class ReceiveBuffer:
    """Texts, oldest first, at most `most_characters` of them together.

    Beyond that, `put` waits while somebody reads; while nobody does, the oldest are dropped.
    """

    def __init__(self, most_characters: int) -> None:
        self._most_characters = most_characters
        self._texts: deque[str] = deque()
        self._characters = 0
        self._has_reader = False
        self._ended = True
        self._boundless = 0
        # Made anew for each wait: the last one may belong to an event loop that has ended.
        self._news = self._room = asyncio.Event()

    @property
    def has_reader(self) -> bool:
        """Whether somebody is reading."""
        return self._has_reader

    def begin(self) -> None:
        """From here on there may be more."""
        self._ended = False

    def end(self) -> None:
        """There will be no more, until `begin`: who reads gets what is left, and then nothing."""
        self._ended = True
        self._news.set()
        self._room.set()

    async def put(self, text: str) -> None:
        """Adds `text` at once, and then waits for room if somebody reads."""
        self._texts.append(text)
        self._characters += len(text)
        self._news.set()
        while self._is_full() and self._has_reader and not self._boundless and not self._ended:
            self._room = asyncio.Event()
            await self._room.wait()
        while self._is_full() and not self._has_reader:
            self._characters -= len(self._texts.popleft())

    async def take(self) -> list[str]:
        """All there is, and at least one; an empty list at the end."""
        while not self._texts and not self._ended:
            self._news = asyncio.Event()
            await self._news.wait()
        taken = list(self._texts)
        self._texts.clear()
        self._characters = 0
        self._room.set()
        return taken

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raises RuntimeError if somebody reads already: each message is read once."""
        if self._has_reader:
            raise RuntimeError("somebody iterates over this Gateway already: make a second Gateway for a second reader")
        self._has_reader = True
        try:
            yield
        finally:
            self._has_reader = False
            self._room.set()

    @contextmanager
    def unbounded(self) -> Iterator[None]:
        """Meanwhile `put` doesn't wait: the reader itself waits for something that comes behind what is unread."""
        self._boundless += 1
        self._room.set()
        try:
            yield
        finally:
            self._boundless -= 1

    def _is_full(self) -> bool:
        return self._characters > self._most_characters
