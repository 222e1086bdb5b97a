"""One request by libcurl and its response: the headers first, then the body as fast as it is read.

Bound: MAX_BUFFER_BYTES of the body are kept, fewer where there are many transfers, and what libcurl reads in one turn
of the loop; then the transfer is paused, and TCP makes the server wait. libcurl delivers 16 KiB at a time, into a list:
a function of Python would be called for each otherwise. They are gathered, and written to the disk together.
"""

import asyncio
import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import pycurl

from workers.block import Block
from workers.errors import ConnectionFailed, DownloadFailed, ReadTimeout
from workers.http.headers import Headers
from workers.http.url import URL, WEB

MAX_BUFFER_BYTES = 1024 * 1024  # of one transfer; the end of a body, and a small file, are read by one call
_MIN_BUFFER_BYTES = 256 * 1024
_SHARED_BUFFER_BYTES = 6 * 1024 * 1024  # of all transfers, as far as each has _MIN_BUFFER_BYTES
GATHER_S = 0.2  # how long a byte waits for others, to be read and written together
DISCARD_TIMEOUT_S = 1.0  # another connection costs less than to wait for longer
HEADER_WINDOWS = 2  # the headers must be complete within this many times the longest silence
_STATUS = re.compile(rb"\S+\s+([0-9]+)")  # a space behind it is left out by some servers
_UNDECIDED = frozenset({401, 407})  # libcurl answers a challenge itself, where it has been given a password


class Response(Protocol):
    """An answer to one request: its headers, then its body. `failure`: why that ended early. As Exchange has them."""

    url: URL
    status: int
    headers: Headers
    failure: DownloadFailed | None
    silence_s: float

    async def read(self, max_bytes: int | None = None, left: int | None = None) -> Block: ...

    async def wait_end(self) -> bool: ...

    async def discard(self, max_bytes: int) -> None: ...

    def close(self) -> None: ...


class Exchange:
    """`status` and `headers` are those of the response once `wait_head` has returned; libcurl's callbacks fill them.

    `explain` makes an error for people of libcurl's. `start`: the first byte that was asked for, where that is a part.
    `silence_s`: the longest silence, from the moment that the
    connection stands.
    """

    def __init__(
        self,
        url: URL,
        easy: pycurl.Curl,
        explain: Callable[[pycurl.error], DownloadFailed],
        connect_timeout_s: float,
        silence_s: float,
        start: int | None = None,
    ) -> None:
        self.url = url
        self.status = 0
        self.headers = Headers()
        self.failure: DownloadFailed | None = None
        self.silence_s = silence_s
        self._easy = easy
        self._start = start
        self._explain = explain
        self._loop = asyncio.get_running_loop()
        self._connect_timeout_s = connect_timeout_s
        self._deadline: asyncio.Timeout | None = None
        self._postponed_s = 0.0
        self._headers_due_s = math.inf  # until a request is sent: FTP has replies before that
        self._head = asyncio.Event()
        self._has_head = self._has_blank_line = False
        self._arrived = asyncio.Event()
        self._buffer = Block()
        self._came: list[bytes] = []  # since libcurl last told of progress, as it does after each turn
        self._wanted = 1
        self._limit = MAX_BUFFER_BYTES  # a small file is not paused
        self._is_paused = False
        self._is_done = False
        easy.setopt(pycurl.PREREQFUNCTION, self._on_connected)
        easy.setopt(pycurl.HEADERFUNCTION, self._on_header)
        easy.setopt(pycurl.WRITEFUNCTION, self._came.append)
        easy.setopt(pycurl.XFERINFOFUNCTION, self._on_progress)
        easy.setopt(pycurl.NOPROGRESS, 0)

    def begin(self, multi: pycurl.AsyncCurlMulti) -> None:
        """Begin the transfer. Raises pycurl.error."""
        self._multi = multi
        self._transfer: asyncio.Future[pycurl.Curl] = multi.add_handle(self._easy)
        self._transfer.add_done_callback(self._end)

    def close(self) -> None:
        """End the transfer, if it has not ended, and with it its connection. May be called again."""
        if self._easy.closed:
            return
        self._is_done = True
        if not self._transfer.done():
            self._multi.remove_handle(self._easy)
        self._easy.close()

    async def wait_head(self) -> None:
        """Return when the headers are there. Raises ReadTimeout, and `failure` where there will be none."""
        try:
            # libcurl bounds the connection; the addition lets its own time-out come first.
            async with asyncio.timeout(self._connect_timeout_s + self.silence_s) as self._deadline:
                await self._head.wait()
        except TimeoutError:
            is_dripping = self._loop.time() >= self._headers_due_s
            seconds, missing = (HEADER_WINDOWS, "no complete headers") if is_dripping else (1, "nothing")
            raise ReadTimeout(seconds * self.silence_s, missing) from None
        finally:
            self._deadline = None
        if not self._has_head:
            raise self.failure or ReadTimeout(self.silence_s)
        if not self.status and self.url.scheme not in WEB:
            self._make_head()

    async def read(self, max_bytes: int | None = None, left: int | None = None) -> Block:
        """Return what has arrived, at most `max_bytes`; nothing at the end, where `failure` may say why.

        The first byte is waited for, and a full buffer, or the `left` bytes, for GATHER_S. Raises ReadTimeout.
        """
        share = _SHARED_BUFFER_BYTES // max(1, len(self._multi.futures()))
        full = min(MAX_BUFFER_BYTES, max(_MIN_BUFFER_BYTES, share))
        wanted = full if left is None or left > MAX_BUFFER_BYTES else left
        self._limit = max(full, wanted)
        try:
            await self._wait(1, self.silence_s)
        except TimeoutError:
            raise ReadTimeout(self.silence_s) from None
        with suppress(TimeoutError):
            await self._wait(min(wanted, max_bytes or wanted), GATHER_S)
        return self._buffer.take(max_bytes)

    async def _wait(self, size: int, seconds: float) -> None:
        """Return when that many bytes are there, or no more will come. Raises TimeoutError."""
        if self._buffer.size >= size or self._is_done:
            return
        self._wanted = size
        self._arrived.clear()
        if self._is_paused and not self._transfer.done():
            self._is_paused = False
            with suppress(pycurl.error):  # the transfer has ended, as is told soon
                self._easy.pause(pycurl.PAUSE_CONT)
        async with asyncio.timeout(seconds):
            await self._arrived.wait()

    async def wait_end(self) -> bool:
        """Return whether the response ends well within GATHER_S, without a further byte."""
        with suppress(TimeoutError):
            await self._wait(self._buffer.size + 1, GATHER_S)
        return self._is_done and not self._buffer and self.failure is None

    async def discard(self, max_bytes: int) -> None:
        """Read a body of at most that many bytes, if it comes soon: its connection can serve the next request then."""
        length = self.headers.get("Content-Length", "")
        if length.isdecimal() and len(length) < 10 and int(length) <= max_bytes:
            with suppress(TimeoutError, ReadTimeout):
                async with asyncio.timeout(DISCARD_TIMEOUT_S):
                    while await self.read():
                        continue

    def _end(self, future: "asyncio.Future[pycurl.Curl]") -> None:
        error = None if future.cancelled() else future.exception()
        if self._came:
            self._gather()
        if self._easy.closed:  # this is called a turn after the transfer's end: nothing is asked of a closed handle
            return
        if future.cancelled():
            self.failure = ConnectionFailed("the connection was closed")
        elif error is not None:
            self.failure = self._explain(error)
        elif self.url.scheme in WEB and not self._has_blank_line:
            self.failure = ConnectionFailed("the server closed the connection within its headers")
        elif not self._head.is_set():
            self._complete_head()
        self._is_done = True
        self._head.set()
        self._arrived.set()

    def _on_connected(self, *_: object) -> int:
        self._headers_due_s = self._loop.time() + HEADER_WINDOWS * self.silence_s
        self._postpone()
        return int(pycurl.PREREQFUNC_OK)

    def _postpone(self) -> None:
        self._postponed_s = self._loop.time()
        if self._deadline is not None:
            self._deadline.reschedule(min(self._postponed_s + self.silence_s, self._headers_due_s))

    def _on_header(self, line: bytes) -> None:
        if self._head.is_set():
            return  # a trailer
        if self._loop.time() >= self._postponed_s + self.silence_s / 50:  # many lines come together
            self._postpone()
        if line[:5].upper() == b"HTTP/":
            self.headers, self._has_blank_line = Headers(), False
            status = _STATUS.match(line)
            self.status = int(status[1]) if status else 0
        elif line.strip():
            self.headers.add(line)
        elif self.status >= 200:
            self._has_blank_line = True
            if self.status not in _UNDECIDED:
                self._complete_head()

    def _complete_head(self) -> None:
        self._has_head = True
        self._head.set()

    def _make_head(self) -> None:
        """Make the headers of a protocol that has none, such as FTP; not within a callback, where none are known."""
        size, modified = self._easy.getinfo(pycurl.CONTENT_LENGTH_DOWNLOAD_T), self._easy.getinfo(pycurl.INFO_FILETIME)
        self.status = 200 if self._start is None else 206
        self.headers = Headers.of_file(size, modified, self._start)

    def _on_progress(self, *_: float) -> int:
        if self._came:
            self._gather()
            if self._buffer.size >= self._limit and not self._is_paused:
                self._is_paused = True
                self._easy.pause(pycurl.PAUSE_RECV)
        return 0

    def _gather(self) -> None:
        if not self._has_head:
            self._complete_head()
        for piece in self._came:
            self._buffer.append(piece)
        self._came.clear()
        if self._buffer.size >= self._wanted:
            self._arrived.set()
