"""WebSocket frames as a server sends them: unmasked, unfragmented text (RFC 6455 §5.2)."""

import struct
from collections.abc import Iterator

FIN_TEXT = 0x81
RSV1_TEXT = 0xC1  # compressed (RFC 7692 §6)
SEPARATOR = b"\x1e"  # between the events of one message: no JSON text has it (RFC 8259 §2), as RFC 7464 makes use of


def text_frame(payload: bytes) -> bytes:
    """Return a text message's bytes on the wire. `payload`: UTF-8."""
    return frame(FIN_TEXT, payload)


def frame(first: int, payload: bytes) -> bytes:
    """Return one frame. `first`: its first byte."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def payload_of(frame: bytes) -> bytes:
    """Return the payload of one frame made by `text_frame`."""
    return next(payloads(frame))


def payloads(frames: bytes) -> Iterator[bytes]:
    """Yield the payloads of joined frames made by `text_frame`."""
    return (payload for payload, _ in payloads_after(frames, 0))


def join(frames: bytes) -> bytes:
    """Return one frame with the payloads of all, SEPARATOR between two; in text that is no JSON a space replaces it."""
    texts = [payload.replace(SEPARATOR, b" ") for payload in payloads(frames)]
    return text_frame(SEPARATOR.join(texts)) if texts else b""


def payloads_after(frames: bytes, at: int) -> Iterator[tuple[bytes, int]]:
    """Yield the payloads of the frames from that byte on, each with the byte behind it."""
    while at < len(frames):
        size, start = frames[at + 1], at + 2
        if size == 126:
            size, start = int.from_bytes(frames[start : start + 2]), start + 2
        elif size == 127:
            size, start = int.from_bytes(frames[start : start + 8]), start + 8
        at = start + size
        yield frames[start:at], at
