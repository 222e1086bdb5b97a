"""Blocks of any pieces, against plain bytes."""

import random

import pytest

from workers.block import Block


@pytest.mark.parametrize("seed", range(20))
def test_blocks_hold_what_was_put_into_them_in_order(seed: int) -> None:
    dice = random.Random(seed)
    block, plain = Block(), b""
    for _ in range(200):
        if dice.random() < 0.6:
            piece = dice.randbytes(dice.choice([0, 1, 100, 4_095, 4_096, 16_384]))
            block.append(piece)
            plain += piece
        else:
            size = dice.choice([None, 0, 1, 5_000, len(plain), len(plain) + 1])
            taken = block.take(size)
            expected, plain = (plain, b"") if size is None else (plain[:size], plain[size:])
            assert (bytes(taken), taken.size) == (expected, len(expected))
            assert all(taken.pieces)
        assert (bytes(block), block.size, len(block)) == (plain, len(plain), len(plain))


def test_a_body_that_drips_takes_little_more_memory_than_its_bytes() -> None:
    block = Block()
    for _ in range(100_000):
        block.append(b"x")
    assert block.size == 100_000 and len(block.pieces) < 50
