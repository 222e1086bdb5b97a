import json

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from simulcast.frontend.fanout.deflate import Deflate
from simulcast.frontend.fanout.frames import text_frame

MESSAGES = [
    json.dumps({"type": "download_progress", "download_id": f"{n % 7:016x}", "progress": n / 100, "speed": n * 1000})
    for n in range(100)
]


def read(data: bytes, extension: PerMessageDeflate) -> list[str]:
    """Inflate as a client of that negotiation would."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    messages = []
    while reader.buffer != b"":
        parsing = Frame.parse(reader.read_exact, mask=False, extensions=[extension])
        try:
            next(parsing)
        except StopIteration as end:
            frame = end.value
        assert frame.opcode is Opcode.TEXT
        messages.append(bytes(frame.data).decode())
    return messages


@pytest.mark.parametrize("window_bits", [9, 12, 15])
@pytest.mark.parametrize("reset", [False, True])
def test_any_client_can_read_any_batch_after_any_other(window_bits: int, reset: bool) -> None:
    deflate = Deflate(window_bits, reset)
    client = PerMessageDeflate(reset, False, window_bits, 15)
    batches = [MESSAGES[:50], MESSAGES[50:], MESSAGES[:3]]
    for batch in batches:
        encoded = deflate.encode(b"".join(text_frame(text.encode()) for text in batch))
        assert read(encoded, client) == batch


def test_messages_that_refer_to_those_before_them_are_small() -> None:
    plain = b"".join(text_frame(text.encode()) for text in MESSAGES)
    assert len(Deflate(12).encode(plain)) < len(plain) / 3 < len(Deflate(12, reset=True).encode(plain))
