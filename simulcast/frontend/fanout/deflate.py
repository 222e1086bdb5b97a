"""permessage-deflate (RFC 7692), once a flush: a fresh compressor for each batch, shared by clients of one negotiation.

Messages of one batch refer to earlier messages of it, and nearly all of the saving comes from that. A client's inflater
keeps its window across batches, and no message refers to an earlier batch, so every client can read the same bytes.
"""

import zlib
from dataclasses import dataclass

from simulcast.frontend.fanout.frames import RSV1_TEXT, frame, payloads

_TAIL = b"\x00\x00\xff\xff"  # the end of a sync flush, left out by RFC 7692 §7.2.1
_MEMORY_LEVEL = 5


@dataclass(frozen=True, slots=True)
class Deflate:
    """A negotiation's result. `window_bits`: 9 to 15. `reset`: no message may refer to an earlier one (§7.1.1.1)."""

    window_bits: int
    reset: bool = False

    def encode(self, frames: bytes) -> bytes:
        """Compress each message."""
        compressor = self._compressor()
        encoded = []
        for payload in payloads(frames):
            data = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
            encoded.append(frame(RSV1_TEXT, data.removesuffix(_TAIL)))
            if self.reset:
                compressor = self._compressor()
        return b"".join(encoded)

    def _compressor(self) -> "zlib._Compress":
        return zlib.compressobj(wbits=-self.window_bits, memLevel=_MEMORY_LEVEL)
