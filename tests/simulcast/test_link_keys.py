"""The keys that sign links, in Redis."""

from contextlib import aclosing

from simulcast.broker import Broker
from simulcast.link_keys import PERIOD_S, LinkKeys
from tests.conftest import Servers


async def test_all_front_ends_read_the_same_key_of_an_hour_which_ends(servers: Servers, broker: Broker) -> None:
    async with aclosing(servers.topology()) as one, aclosing(servers.topology()) as another:
        admin = await one.client_for("downloads")
        names = [broker.names().link_key(period) for period in (7, 8)]
        await admin.delete(*names)
        first = await LinkKeys(one).read(7 * PERIOD_S)
        assert len(first) == 64
        assert await LinkKeys(another).read(8 * PERIOD_S - 1) == first == await LinkKeys(one).read(7 * PERIOD_S + 1)
        assert await LinkKeys(another).read(8 * PERIOD_S) != first
        for name in names:
            assert PERIOD_S < await admin.ttl(name) <= 2 * PERIOD_S
        await admin.delete(names[0])
        second = await LinkKeys(another).read(7 * PERIOD_S)
        assert second == await LinkKeys(one).read(7 * PERIOD_S) != first
        await admin.delete(*names)
