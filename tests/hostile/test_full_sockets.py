"""Clients that stop to read, in every way of joining: none costs more memory than one slice."""

import json
import re

import pytest

from tests.conditions import until
from tests.hostile.unread import (
    AFTER,
    BEFORE,
    COMPRESSED,
    MAX_HELD_BYTES,
    VERSIONED,
    held_bytes,
    join,
    publish_note,
    read_until,
    running,
)
from tests.served import masked
from tests.valkey import Valkey

WAYS = {
    "the snapshot": ("/ws?channel={channel}", ""),
    "the snapshot behind a hello": ("/ws?channel={channel}", VERSIONED),
    "a replay from memory": ("/ws?channel={channel}&since={recent}", ""),
    "a replay from the history": ("/ws?channel={channel}&since={first}", VERSIONED),
    "a position of another epoch": ("/ws?channel={channel}&since=1-1", VERSIONED),
    "an interval": ("/ws?channel={channel}&interval_ms=100", ""),
    "several channels": ("/ws?channel={channel}&channel={channel}-2&since={channel}:{first}", VERSIONED),
    "compression": ("/ws?channel={channel}", COMPRESSED),
    "a stream of events": ("/events?channel={channel}", None),
    "a stream from the history": ("/events?channel={channel}&since={first}", None),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_reads_nothing_holds_one_slice_and_gets_the_rest_when_it_reads(
    valkey: Valkey, channel: str, way: str
) -> None:
    target, more = WAYS[way]
    async with running(valkey, channel) as (live, port, positions):
        target = target.format(channel=channel, **positions)
        connection = join(port, target, more)
        await until(lambda: len(live.services.connected) == 1, "the client")
        (client,) = live.services.connected
        await until(lambda: client._stalled_since is not None, "its full socket")
        for number in range(BEFORE, BEFORE + AFTER):
            await publish_note(live.services.broker, channel, number)
            assert held_bytes(client) <= MAX_HELD_BYTES
        await live.publish({"type": "the end"})
        if more == COMPRESSED:
            connection.close()
            return
        received = await read_until(connection, b"the end")
        ids = re.findall(rb'"event_id":"(\d+-\d+)"', received)
        assert len(ids) == len(set(ids)), "an event came twice"
        numbers = [int(number) for number in re.findall(rb'"number":(\d+)', received)]
        assert numbers == sorted(set(numbers))
        missing = set(range(60 if "memory" in way else 0, BEFORE + AFTER)) - set(numbers)
        assert missing <= ({0} if "first" in WAYS[way][0] else set()), missing
        connection.close()


async def test_a_subscription_of_a_client_that_is_behind_writes_nothing_to_its_full_socket(
    valkey: Valkey, channel: str
) -> None:
    async with running(valkey, channel) as (live, port, _):
        for number in range(BEFORE):
            await publish_note(live.services.broker, f"{channel}-2", number)
        connection = join(port, f"/ws?channel={channel}", VERSIONED)
        await until(lambda: len(live.services.connected) == 1, "the client")
        (client,) = live.services.connected
        await until(lambda: client._stalled_since is not None, "its full socket")
        connection.sendall(masked(json.dumps({"action": "subscribe", "channel": f"{channel}-2"})))
        await until(lambda: len(client._clients) == 2, "the subscription")
        assert held_bytes(client) <= MAX_HELD_BYTES
        await live.publish({"type": "the end"}, f"{channel}-2")
        received = await read_until(connection, b"the end")
        ids = re.findall(rb'"event_id":"(\d+-\d+)"', received)
        assert len(ids) == len(set(ids)) == 2 * BEFORE + 1
        connection.close()
