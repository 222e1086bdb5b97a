"""A TCP proxy that can swallow what the server answers: the request was carried out, and nobody is told."""

import asyncio
from contextlib import suppress


class Proxy:
    """Between clients and the server at `upstream_port`, on loopback. `port` is known once it is open."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._open: set[_Link] = set()
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

    def swallow(self) -> int:
        """From here on no connection that is open gets an answer any more, whatever it asks; how many there are."""
        for link in self._open:
            link.is_mute = True
        return len(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            writer.close()
            return
        link = _Link(writer, up_writer)
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
    """One client's two connections."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._client = client
        self._server = server
        self.is_mute = False

    async def ask(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                self._server.write(data)
                await self._server.drain()

    async def answer(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if not self.is_mute:
                    self._client.write(data)
                    await self._client.drain()

    def close(self) -> None:
        self._client.close()
        self._server.close()
