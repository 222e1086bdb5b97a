"""A TCP proxy that can swallow what the server answers: the request was carried out, and nobody is told."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress


class Proxy:
    """Between clients and the server at `upstream_port`, on loopback. `port` is known once it is open."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._open: set[_Link] = set()
        self._swallows_from = sys.maxsize
        self.port = 0

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for link in list(self._open):
            link.close()
        await self._server.wait_closed()

    def swallow(self, at_least: int) -> None:
        """The next answer of so many bytes gets lost, and so does whatever comes behind it on its connection."""
        self._swallows_from = at_least

    @property
    def is_to_swallow(self) -> bool:
        """Whether no such answer has come yet."""
        return self._swallows_from < sys.maxsize

    def loses(self, answer: bytes) -> bool:
        """Whether this one is the answer to lose."""
        if len(answer) < self._swallows_from:
            return False
        self._swallows_from = sys.maxsize
        return True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            writer.close()
            return
        link = _Link(writer, up_writer, self.loses)
        self._open.add(link)
        try:
            await asyncio.wait(
                [asyncio.create_task(link.ask(reader)), asyncio.create_task(link.answer(up_reader))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._open.discard(link)
            link.close()


class _Link:
    """One client's two connections. `loses`: whether from this answer on the client gets nothing any more."""

    def __init__(
        self, client: asyncio.StreamWriter, server: asyncio.StreamWriter, loses: Callable[[bytes], bool]
    ) -> None:
        self._client = client
        self._server = server
        self._loses = loses
        self._is_mute = False

    async def ask(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                self._server.write(data)
                await self._server.drain()

    async def answer(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                self._is_mute = self._is_mute or self._loses(data)
                if not self._is_mute:
                    self._client.write(data)
                    await self._client.drain()

    def close(self) -> None:
        self._client.close()
        self._server.close()
