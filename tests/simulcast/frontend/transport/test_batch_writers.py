"""Streams whose server takes everything immediately, as ASGI servers do once the client has left."""

import asyncio

from starlette.types import Message

from simulcast.cancellation import run_until_first
from simulcast.frontend.fanout.frames import text_frame
from simulcast.frontend.transport.batch_writers import SSEWriter
from simulcast.frontend.transport.sse_encoder import SSEEncoder

OWED = 1000  # batches


class Backlog:
    """Gives the writer the next batch as soon as it has sent one."""

    def __init__(self, writer: SSEWriter) -> None:
        self._writer = writer
        self.written = 0

    def on_pause(self) -> None: ...

    def on_resume(self) -> None:
        if self.written < OWED:
            self.written += 1
            self._writer.write(text_frame(b"{}"))

    def on_disconnect(self) -> None: ...


async def test_a_stream_whose_client_left_ends_before_all_that_it_is_owed_was_encoded() -> None:
    async def send(_: Message) -> None: ...

    async def leave() -> None:
        await asyncio.sleep(0)

    writer = SSEWriter(send, SSEEncoder(False, {}), None)
    backlog = writer.observer = Backlog(writer)
    backlog.on_resume()
    await run_until_first(writer.pump(), leave())
    assert backlog.written < 10
