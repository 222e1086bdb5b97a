"""Addresses with random options: each is refused with a reason, or works as far as a server is there."""

import random

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.store.url import OPTIONS, parse

SCHEMES = ["redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"]
PLACES = ["127.0.0.1:1", "[::1]:1", "[::zz]:1", "[::1%25lo]:1", "a..b:1", "%20:1", "u:p@127.0.0.1:1", ":@127.0.0.1:1"]
PATHS = ["", "/", "/0", "/m", "/m/0", "/m/1", "/0/0", "/x.sock"]
VALUES = ["", "x", "0", "-1", "1", "true", "false", "none", "required", "/nowhere", "a b", "%00", "%FF", "9" * 30]


async def test_an_address_is_refused_or_ends_in_a_documented_error_whatever_its_options() -> None:
    rng = random.Random(15)
    accepted = 0
    for _ in range(1_500):
        query = "&".join(f"{name}={rng.choice(VALUES)}" for name in rng.sample(OPTIONS, rng.choice([0, 1, 2])))
        url = f"{rng.choice(SCHEMES)}://{rng.choice(PLACES)}{rng.choice(PATHS)}?{query}"
        try:
            parse(url)
        except ValueError:
            continue
        accepted += 1
        if accepted % 5:
            continue
        broker = Broker.connect(url)
        try:
            await broker.head()
        except BrokerUnavailable:
            pass
        finally:
            await broker.aclose()
    assert accepted > 50
