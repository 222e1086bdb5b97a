"""Bytes between a connection and the disk, in the pieces in which they came: to join them would cost a copy of each."""

_MIN_PIECE_BYTES = 4096  # smaller ones are joined, since each piece takes about 50 bytes more than its own


class Block:
    """Pieces in their order; `size` counts their bytes."""

    __slots__ = ("pieces", "size")

    def __init__(self, piece: bytes = b"") -> None:
        self.pieces = [piece] if piece else []
        self.size = len(piece)

    def __len__(self) -> int:
        return self.size

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)

    def append(self, piece: bytes) -> None:
        """Add bytes at the end."""
        self.size += len(piece)
        if len(piece) < _MIN_PIECE_BYTES and self.pieces and len(self.pieces[-1]) < _MIN_PIECE_BYTES:
            self.pieces[-1] += piece
        elif piece:
            self.pieces.append(piece)

    def take(self, size: int | None = None) -> "Block":
        """Remove and return the first bytes: all of them for None."""
        taken = Block()
        if size is None or size >= self.size:
            taken.pieces, taken.size, self.pieces, self.size = self.pieces, self.size, [], 0
            return taken
        count = 0
        while taken.size + len(self.pieces[count]) <= size:
            taken.size += len(self.pieces[count])
            count += 1
        taken.pieces, self.pieces = self.pieces[:count], self.pieces[count:]
        if cut := size - taken.size:
            taken.pieces.append(self.pieces[0][:cut])
            self.pieces[0] = self.pieces[0][cut:]
        taken.size, self.size = size, self.size - size
        return taken
