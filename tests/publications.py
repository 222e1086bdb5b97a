"""Publications as a front-end reads them."""

from simulcast.model.position import Position
from simulcast.model.publication import Publication

EPOCH = 1790000000000


def publication(offset: int, label: str = "-", key: str = "", epoch: int = EPOCH, text: str = "{}") -> Publication:
    return Publication(Position(epoch, offset), label, key, text.encode())
