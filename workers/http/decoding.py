"""The bodies that a server compresses although the plain bytes were asked for. No I/O."""

import zlib
from collections.abc import Iterator

from workers.errors import IncompleteBody, ProtocolError, UnexpectedContentEncoding

_MAX_PIECE_BYTES = 256 * 1024  # decoded in one step: a few bytes may stand for a gigabyte
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's window bits
_MAGIC = b"\x1f\x8b"  # of a gzip member, RFC 1952 §2.3.1


class Decoder:
    """Undoes the content codings of one response. Raises UnexpectedContentEncoding for one that zlib doesn't know.

    A body that is stated to be in gzip and is not is left as it is, and so curl and wget take it; bytes that follow the
    compressed ones are left out, as browsers do. `size`: of the body as it comes, None where the server states none.
    """

    def __init__(self, codings: list[str], size: int | None = None) -> None:
        if len(codings) > 1 or codings[0] not in ("gzip", "x-gzip", "deflate"):
            raise UnexpectedContentEncoding(", ".join(codings))
        self._size = size
        self._received = 0
        self._is_gzip = codings[0] != "deflate"
        self._stream = zlib.decompressobj(_GZIP if self._is_gzip else _ZLIB)
        self._has_begun = False
        self._is_plain = self._is_over = False
        self._first = b""  # of two bytes by which a format is known, where the other has not come yet

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield the plain bytes of what came. Raises ProtocolError where it isn't compressed as stated."""
        self._received += len(data)
        if self._first:
            data, self._first = self._first + bytes(data), b""
        while data and not self._is_over:
            is_start = not self._is_plain and (self._stream.eof or not self._has_begun)
            if is_start and len(data) == 1:
                self._first = bytes(data)
                return
            if is_start and self._is_gzip:
                first = bytes(data[:2])
                self._is_over = first != _MAGIC and self._has_begun
                self._is_plain = first != _MAGIC and not self._has_begun
                self._stream = zlib.decompressobj(_GZIP)  # of the next member, RFC 1952 §2.2
            if self._is_plain:
                yield bytes(data)
            if self._is_plain or self._is_over or self._stream.eof:
                return
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
        """Raises ProtocolError where the compressed data has no end, and IncompleteBody for fewer bytes than stated."""
        if self._size is not None and self._received < self._size:
            raise IncompleteBody(self._received, self._size)
        is_left = self._has_begun and not self._is_over and not self._stream.eof
        if is_left or (self._first and not self._has_begun):
            raise ProtocolError("the server's compressed data ended before its end")
