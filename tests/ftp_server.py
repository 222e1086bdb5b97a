"""An FTP server of one file, RFC 959 and 3659, as far as a download needs it."""

import asyncio

from tests.stream_server import StreamServer


class FTPServer(StreamServer):
    """Serves `content` to the user kim with the password `p@ss`; `commands` keeps what it was sent.

    `rest`: whether it can begin elsewhere than at the first byte. `cut_after`: how many bytes of the next transfer are
    sent before its connection is dropped. `refusals`: answers in place of the usual ones, by command.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.commands: list[str] = []
        self.rest = True
        self.cut_after: int | None = None
        self.refusals: dict[str, str] = {}
        self._start = 0
        self._listener: asyncio.Server | None = None
        self._transfer: asyncio.Future[asyncio.StreamWriter]
        self._connections: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.refusals.get("", "220 ready").encode() + b"\r\n")
        try:
            while line := await reader.readline():
                self.commands.append(line.decode().strip())
                verb, _, value = self.commands[-1].partition(" ")
                if verb in self.refusals:
                    writer.write(self.refusals[verb].encode() + b"\r\n")
                elif verb == "EPSV":
                    await self._listen(writer)
                elif verb == "RETR":
                    await self._send(writer)
                else:
                    writer.write(self._answer(verb, value).encode() + b"\r\n")
        finally:
            self._close_transfer()

    def _answer(self, verb: str, value: str) -> str:
        if verb == "REST" and self.rest:
            self._start = int(value)
        answers = {
            "USER": "331 go on",
            "PASS": "230 welcome" if value == "p@ss" else "530 no",
            "PWD": '257 "/"',
            "CWD": "250 there",
            "TYPE": "200 binary",
            "SIZE": f"213 {len(self.content)}",
            "MDTM": "213 20201124120000",
            "REST": "350 from there" if self.rest else "502 unknown",
            "QUIT": "221 bye",
        }
        return answers.get(verb, "500 unknown")

    async def _listen(self, writer: asyncio.StreamWriter) -> None:
        self._close_transfer()
        self._transfer = asyncio.get_running_loop().create_future()
        self._listener = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        writer.write(b"229 Entering (|||%d|)\r\n" % self._listener.sockets[0].getsockname()[1])

    def _connect(self, reader: asyncio.StreamReader, connection: asyncio.StreamWriter) -> None:
        self._connections.append(connection)
        if not self._transfer.done():
            self._transfer.set_result(connection)

    def _close_transfer(self) -> None:
        if self._listener is not None:
            self._listener.close()
        while self._connections:
            self._connections.pop().close()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        connection, rest = await self._transfer, self.content[self._start :]
        writer.write(b"150 here it comes\r\n")
        connection.write(rest[: self.cut_after])
        await connection.drain()
        connection.close()
        writer.write(b"226 done\r\n" if self.cut_after is None else b"426 broken\r\n")
        self._start, self.cut_after = 0, None
