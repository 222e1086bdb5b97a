"""permessage-deflate (RFC 7692), once a flush: a fresh compressor for each batch, shared by all who negotiated alike.

Messages of one batch refer to those before them, which is where nearly all of the saving is. A client's inflater keeps
its window across batches, and nothing refers back beyond the batch, so every client can read the same bytes.
"""

import zlib
from dataclasses import dataclass

from simulcast.frontend.fanout.frames import RSV1_TEXT, frame, payloads

_TAIL = b"\x00\x00\xff\xff"  # what a sync flush ends with, and RFC 7692 §7.2.1 leaves out
_MEMORY_LEVEL = 5


@dataclass(frozen=True, slots=True)
class Deflate:
    """What was negotiated. `window_bits`: 9 to 15. `reset`: no message may refer to one before it (§7.1.1.1)."""

    window_bits: int
    reset: bool = False

    def encode(self, frames: bytes) -> bytes:
        """The same messages, compressed."""
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
