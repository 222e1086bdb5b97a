"""The bodies that a server compresses although the plain bytes were asked for. No I/O."""

import zlib
from collections.abc import Iterator

from workers.errors import ProtocolError, UnexpectedContentEncoding

_MAX_PIECE_BYTES = 256 * 1024  # decoded in one step: a few bytes may stand for a gigabyte
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's window bits


class Decoder:
    """Undoes the content codings of one response. Raises UnexpectedContentEncoding for one that zlib doesn't know."""

    def __init__(self, codings: list[str]) -> None:
        if len(codings) > 1 or codings[0] not in ("gzip", "x-gzip", "deflate"):
            raise UnexpectedContentEncoding(", ".join(codings))
        self._is_gzip = codings[0] != "deflate"
        self._stream = zlib.decompressobj(_GZIP if self._is_gzip else _ZLIB)
        self._has_begun = False

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield the plain bytes of what came. Raises ProtocolError where it isn't compressed as stated."""
        while data:
            if self._stream.eof:
                if not self._is_gzip or not bytes(data).strip(b"\x00"):
                    return  # padding
                self._stream = zlib.decompressobj(_GZIP)  # the next member, RFC 1952 §2.2
            try:
                plain = self._stream.decompress(data, _MAX_PIECE_BYTES)
            except zlib.error:
                if self._has_begun or self._is_gzip:
                    raise ProtocolError("the server's compressed data can't be decompressed") from None
                self._stream, self._has_begun = zlib.decompressobj(_RAW), True  # as many send it, RFC 9110 §8.4.1.2
                continue
            self._has_begun = True
            data = self._stream.unconsumed_tail or self._stream.unused_data
            if plain:
                yield plain

    def check_end(self) -> None:
        """Raises ProtocolError where the compressed data has no end."""
        if not self._stream.eof:
            raise ProtocolError("the server's compressed data ended before its end")
