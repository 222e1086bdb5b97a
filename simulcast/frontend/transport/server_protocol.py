"""The protocol of the websockets package, where it is stricter than the RFC."""

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol


class LenientServerProtocol(ServerProtocol):
    """Takes a close frame between the fragments of a message for the end, not for a mistake (RFC 6455 §5.4)."""

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)
