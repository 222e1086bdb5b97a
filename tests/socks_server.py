"""A SOCKS5 proxy, RFC 1928 and 1929, that resolves every name to one server."""

import asyncio

from tests.stream_server import StreamServer


class SOCKSServer(StreamServer):
    """Connects to `port` of this machine, whatever is requested; `targets` keeps the requests.

    `login`: the user and the password that it asks for. `reply`: 0 where it connects, else the reason why not.
    """

    def __init__(self, port: int, login: tuple[str, str] | None = None, reply: int = 0) -> None:
        self.targets: list[tuple[str, int]] = []
        self._to = port
        self._login = login
        self._reply = reply

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await self._accept(reader, writer):
            back, forth = await asyncio.open_connection("127.0.0.1", self._to)
            await asyncio.gather(_copy(reader, forth), _copy(back, writer))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        _, count = await reader.readexactly(2)
        await reader.readexactly(count)
        writer.write(b"\x05\x00" if self._login is None else b"\x05\x02")
        if self._login is not None:
            (_, size) = await reader.readexactly(2)
            user = await reader.readexactly(size)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            is_right = (user.decode(), password.decode()) == self._login
            writer.write(b"\x01\x00" if is_right else b"\x01\x01")
            if not is_right:
                return False
        *_, kind = await reader.readexactly(4)
        host = await reader.readexactly((await reader.readexactly(1))[0] if kind == 3 else 4)
        port = int.from_bytes(await reader.readexactly(2))
        self.targets.append((host.decode() if kind == 3 else ".".join(map(str, host)), port))
        writer.write(bytes([5, self._reply, 0, 1, 127, 0, 0, 1, 0, 1]))
        return not self._reply


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
