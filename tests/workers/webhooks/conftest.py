"""A delivery that the tests make up."""

from collections.abc import Callable

import pytest

from simulcast.model.position import Position
from simulcast.model.publication import Publication
from simulcast.webhooks import Delivery

MakeDelivery = Callable[..., Delivery]


@pytest.fixture
def delivery() -> MakeDelivery:
    """Return a function that makes one, of the end of a download, for an address."""

    def make(address: str = "https://a.example/", tries: int = 0, failures: int = 0, age_s: float = 0.0) -> Delivery:
        payload = b'{"type":"download_complete","download_id":"d","file_path":"/d"}'
        publication = Publication(Position(1790000000000, 7), "e:download_complete:1:5", "d", payload)
        return Delivery("downloads", "lane", address, address, False, publication, tries, failures, age_s)

    return make
