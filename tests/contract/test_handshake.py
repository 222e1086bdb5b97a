"""The handshake of a real Flutter app for the desktop (Dart 3.7), to the byte, and its connection after it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame, Opcode
from websockets.headers import parse_extension
from websockets.protocol import OPEN, Protocol, Side

from simulcast.broker import Broker
from simulcast.model.events import progress_event
from tests.contract_examples import HANDSHAKE
from tests.programs import StartFrontEnd
from tests.service import FrontEnd
from tests.valkey import Valkey

ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # of the key in RFC 6455 §1.3

DEFLATE = ClientPerMessageDeflateFactory(client_max_window_bits=True)  # as the app offers it


class App:
    """The frames of a connection, read and written as `dart:io` does: a pong for each ping, nothing of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, extensions: str) -> None:
        """`extensions`: those that the server chose. uvicorn compresses, `simulcast serve` does not."""
        self._reader, self._writer = reader, writer
        self._protocol = Protocol(Side.CLIENT, state=OPEN)
        for _, parameters in parse_extension(extensions) if extensions else ():
            self._protocol.extensions.append(DEFLATE.process_response_params(parameters, []))
        self._frames: list[Frame] = []

    async def next_frame(self, opcode: Opcode) -> Frame:
        """Return the next frame of that kind; those of other kinds are skipped."""
        async with asyncio.timeout(60):
            while True:
                while self._frames:
                    if (frame := self._frames.pop(0)).opcode is opcode:
                        return frame
                data = await self._reader.read(65536)
                assert data, "the server ended the connection"
                self._protocol.receive_data(data)
                self._frames += [event for event in self._protocol.events_received() if isinstance(event, Frame)]
                self._write()

    def ping(self, payload: bytes) -> None:
        self._protocol.send_ping(payload)
        self._write()

    def close(self) -> None:
        self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
        self._write()

    def _write(self) -> None:
        self._writer.writelines(self._protocol.data_to_send())


@asynccontextmanager
async def app_of(running: FrontEnd) -> AsyncIterator[App]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        writer.write(HANDSHAKE)
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")
        status, *lines = head.strip().split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        assert status.startswith(b"HTTP/1.1 101 ")
        assert headers[b"sec-websocket-accept"] == ACCEPT
        assert (headers[b"upgrade"].lower(), headers[b"connection"].lower()) == (b"websocket", b"upgrade")
        assert b"sec-websocket-protocol" not in headers  # it offered none
        yield App(reader, writer, headers.get(b"sec-websocket-extensions", b"").decode())
    finally:
        writer.transport.abort()


@pytest.fixture
async def broker(own_valkey: Valkey) -> AsyncIterator[Broker]:
    broker = Broker.connect(own_valkey.url)
    yield broker
    await broker.aclose()


@pytest.mark.parametrize("raw", [True, False], ids=["simulcast serve", "uvicorn"])
async def test_an_app_gets_frames_and_pongs_and_a_close(front_end: StartFrontEnd, broker: Broker, raw: bool) -> None:
    running = await front_end(raw=raw)
    async with app_of(running) as app:
        for percent in (25, 75):
            await broker.publish(progress_event("12345", percent / 100, 1024000))
            assert b'"progress":0.%d' % percent in bytes((await app.next_frame(Opcode.TEXT)).data)
            app.ping(b"%d" % percent)
            assert bytes((await app.next_frame(Opcode.PONG)).data) == b"%d" % percent
        app.close()
        assert bytes((await app.next_frame(Opcode.CLOSE)).data)[:2] == b"\x03\xe8"


@pytest.mark.long
async def test_an_app_that_answers_pings_stays_connected(front_end: StartFrontEnd, broker: Broker) -> None:
    running = await front_end()
    async with app_of(running) as app:
        for _ in range(2):  # the second comes only to a client whose pong was seen
            await app.next_frame(Opcode.PING)
        await broker.publish(progress_event("12345", 0.75, 1024000))
        assert b'"progress":0.75' in bytes((await app.next_frame(Opcode.TEXT)).data)
