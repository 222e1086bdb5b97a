import pytest
from websockets.frames import Frame, Opcode

from simulcast.frontend.fanout.frames import join, payloads, text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_a_frame_is_what_websockets_would_send(size: int) -> None:
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_joined_frames_come_apart_again() -> None:
    texts = [b"", b"a", b"b" * 126, b"c" * 70_000, b"d"]
    assert list(payloads(b"".join(map(text_frame, texts)))) == texts


def test_text_that_is_joined_can_be_no_two_messages() -> None:
    joined = join(b"".join(map(text_frame, [b"{}", b'x\x1e{"event_id":"1-9"}', b""])))
    assert list(payloads(joined)) == [b'{}\x1ex {"event_id":"1-9"}\x1e']
    assert join(b"") == b""
