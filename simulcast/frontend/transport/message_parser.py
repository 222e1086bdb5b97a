"""From a client's bytes to its messages, as strictly as RFC 6455 wants it. No I/O.

Holds nothing between messages: the parser of a frame begins again where its bytes have not all come.
"""

from collections.abc import Generator, Sequence

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.frames import Close, Frame, Opcode

FRAGMENTS_PER_MESSAGE = 16  # so many count as a message, however small they are


class MessageParser:
    """The bytes and fragments of one connection that wait for the rest of their message.

    `max_bytes`: of one message. `extensions`: those that were negotiated; they belong to the connection.
    """

    __slots__ = ("_at", "_buffer", "_extensions", "_fragments", "_max_bytes", "_message", "_opcode")

    def __init__(self, max_bytes: int, extensions: Sequence[Extension]) -> None:
        self._max_bytes = max_bytes
        self._extensions = extensions
        self._buffer = bytearray()
        self._at = 0
        self._opcode: Opcode | None = None  # of the message of which fragments have come
        # One buffer: as objects of their own, fragments of single bytes would take a hundred times their size, and
        # empty ones would accumulate without end.
        self._message = bytearray()
        self._fragments = 0

    @property
    def is_empty(self) -> bool:
        """True between messages."""
        return not self._buffer and self._opcode is None

    def feed(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._buffer += data

    def read(self) -> tuple[Opcode, bytes] | None:
        """Return the next message, or the next control frame; None until more bytes come.

        After each FRAGMENTS_PER_MESSAGE fragments, an empty continuation.

        Raises ProtocolError, PayloadTooBig, and UnicodeDecodeError for the reason of a close.
        """
        while (frame := self._read_frame()) is not None:
            if (message := self._join(frame)) is not None:
                return message
        return None

    def _read_frame(self) -> Frame | None:
        self._at = 0
        max_bytes = self._max_bytes - len(self._message)
        try:
            next(Frame.parse(self._read_exact, mask=True, max_size=max_bytes, extensions=self._extensions))
        except StopIteration as end:
            del self._buffer[: self._at]
            frame: Frame = end.value
            return frame
        except PayloadTooBig as error:
            error.set_current_size(len(self._message) or None)
            raise
        return None

    def _read_exact(self, size: int) -> Generator[None, None, bytes]:
        end = self._at + size
        if end > len(self._buffer):
            yield  # the caller does not go on
        data = bytes(self._buffer[self._at : end])
        self._at = end
        return data

    def _join(self, frame: Frame) -> tuple[Opcode, bytes] | None:
        """Return the message that the frame completes."""
        opcode, data = frame.opcode, bytes(frame.data)
        if opcode is Opcode.CLOSE:
            Close.parse(data)
        if opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG):
            return opcode, data
        if opcode is Opcode.CONT:
            if self._opcode is None:
                raise ProtocolError("unexpected continuation frame")
            opcode = self._opcode
        elif self._opcode is not None:
            raise ProtocolError("expected a continuation frame")
        elif frame.fin:
            return opcode, data
        self._message += data
        if not frame.fin:
            self._opcode = opcode
            self._fragments += 1
            return None if self._fragments % FRAGMENTS_PER_MESSAGE else (Opcode.CONT, b"")
        message, self._message, self._opcode = bytes(self._message), bytearray(), None
        return opcode, message
