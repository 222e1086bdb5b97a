"""Several channels, one download's events, intervals, and what simulcast.v1 adds."""

import json

import pytest
import redis.asyncio
import websockets
from websockets.typing import Subprotocol

from simulcast.broker import Broker
from simulcast.model.events import complete_event, progress_event
from tests.programs import StartFrontEnd
from tests.service import FrontEnd, collect
from tests.valkey import Valkey


async def subscribed(valkey: Valkey) -> set[str]:
    async with redis.asyncio.from_url(valkey.url, protocol=2) as client:
        names = await client.pubsub_channels("simulcast:*")
        return {name.decode() if isinstance(name, bytes) else name for name in names}


async def connect_v1(running: FrontEnd, query: str = "") -> websockets.ClientConnection:
    return await websockets.connect(running.ws + query, subprotocols=[Subprotocol("simulcast.v1")], proxy=None)


async def test_events_of_several_channels_carry_their_channel_and_each_channel_recovers(
    shared_front_end: FrontEnd, shared_broker: Broker
) -> None:
    async with await shared_front_end.connect("?channel=a&channel=b") as connection:
        first = [await shared_broker.publish({"n": n}, channel) for n, channel in enumerate("abab")]
        seen = [json.loads(await connection.recv()) for _ in range(4)]  # each channel in order, not all of them
        assert [event["n"] for event in seen if event["channel"] == "a"] == [0, 2]
        assert [event["n"] for event in seen if event["channel"] == "b"] == [1, 3]
    await shared_broker.publish({"n": 4}, "a")
    await shared_broker.publish({"n": 5}, "c")
    async with await shared_front_end.connect(f"?channel=a&channel=b&since=a:{first[0]},b:{first[3]}") as connection:
        await shared_broker.publish({"n": 6}, "b")
        seen = [json.loads(text) for text in await collect(connection, '"n":6')]
        assert sorted((event["channel"], event["n"]) for event in seen) == [("a", 2), ("a", 4), ("b", 6)]


async def test_channels_are_followed_and_left_by_action(shared_front_end: FrontEnd, shared_broker: Broker) -> None:
    await shared_broker.publish(progress_event("x", 0.5, 1), "a")
    async with await shared_front_end.connect() as connection:
        await shared_broker.publish(progress_event("y", 0.5, 1))  # a client that joins a moment later gets it, too
        assert "channel" not in json.loads(await connection.recv())
        await connection.send('{"action":"subscribe","channel":"a"}')
        seen = [json.loads(text) for text in await collect(connection, "command_result")]
        assert [event["type"] for event in seen] == ["download_progress", "command_result"]
        assert seen[0]["channel"] == "a"
        await shared_broker.publish({"n": 1})
        assert json.loads(await connection.recv())["channel"] == "downloads"
        await connection.send('{"action":"unsubscribe","channel":"a"}')
        await collect(connection, "command_result")
        await shared_broker.publish({"n": 2}, "a")
        await shared_broker.publish({"n": 3})
        assert json.loads(await connection.recv())["n"] == 3
        await connection.send('{"action":"subscribe","channel":"no such name"}')
        assert "invalid_member" in (await collect(connection, "error"))[-1]


async def test_redis_is_subscribed_to_only_for_channels_that_have_clients(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    assert await subscribed(own_valkey) == {"simulcast:downloads"}
    connections = [await running.connect(f"?channel=c{n}") for n in range(20)]
    assert len(await subscribed(own_valkey)) == 21
    broker = Broker.connect(own_valkey.url)
    for n, connection in enumerate(connections):
        await broker.publish({"n": n}, f"c{n}")
        assert json.loads(await connection.recv())["n"] == n
        await connection.close()
    await broker.aclose()


async def test_a_client_of_one_download_sees_only_its_events_also_when_it_recovers(
    shared_front_end: FrontEnd, shared_broker: Broker, channel: str
) -> None:
    query = f"?channel={channel}&download_id=x"
    first = await shared_broker.publish(progress_event("x", 0.1, 1), channel)
    await shared_broker.publish(progress_event("y", 0.1, 1), channel)
    async with await shared_front_end.connect(query) as connection:
        await shared_broker.publish(progress_event("y", 0.2, 1), channel)
        await shared_broker.publish(complete_event("x", "/x"), channel)
        seen = [json.loads(text) for text in await collect(connection, "complete")]
        assert [event["type"] for event in seen] == ["download_progress", "download_complete"]
    async with await shared_front_end.connect(f"{query}&since={first}") as connection:
        assert "download_complete" in str(await connection.recv())


async def test_an_interval_leaves_out_what_is_superseded_and_no_end(
    shared_front_end: FrontEnd, shared_broker: Broker, channel: str
) -> None:
    async with await shared_front_end.connect(f"?channel={channel}&interval_ms=1000") as connection:
        for n in range(500):
            await shared_broker.publish(progress_event("x", n / 500, n), channel)
            if n % 100 == 0:
                await shared_broker.publish(complete_event(f"end {n}", "/x"), channel)
        await shared_broker.publish(complete_event("x", "/x"), channel)
        seen = [json.loads(text) for text in await collect(connection, '"download_id":"x","file_path"')]
    ends = [event["download_id"] for event in seen if event["type"] == "download_complete"]
    assert ends == ["end 0", "end 100", "end 200", "end 300", "end 400", "x"]
    assert len(seen) < 100


async def test_v1_says_hello_with_a_position_from_which_a_quiet_client_recovers(
    shared_front_end: FrontEnd, shared_broker: Broker
) -> None:
    async with await connect_v1(shared_front_end) as connection:
        assert connection.subprotocol == "simulcast.v1"
        hello = json.loads(await connection.recv())
        assert (hello["type"], hello["channel"], hello["recovered"]) == ("hello", "downloads", False)
    await shared_broker.publish({"n": 1})
    async with await connect_v1(shared_front_end, f"?since={hello['position']}") as connection:
        hello = json.loads(await connection.recv())
        assert hello["recovered"] is True
        assert json.loads(await connection.recv())["n"] == 1
    async with await connect_v1(shared_front_end, "?since=1000-1") as connection:
        assert json.loads(await connection.recv())["recovered"] is False


async def test_with_compression_on_everyone_reads_the_same_whether_they_offer_it_or_not(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end(SIMULCAST_COMPRESSION="true")
    broker = Broker.connect(own_valkey.url)
    await broker.publish(progress_event("x", 0.5, 1))
    async with (
        await running.connect() as offers,
        websockets.connect(running.ws, compression=None, proxy=None) as does_not,
    ):
        for n in range(200):
            await broker.publish({"n": n, "text": "repeated " * 5})
            if n % 50 == 0:
                await offers.send('{"action":"pause_download","download_id":"nobody"}')
        seen = [await collect(connection, '"n":199') for connection in (offers, does_not)]
        assert offers.protocol.extensions and not does_not.protocol.extensions
    assert [text for text in seen[0] if "command_result" not in text] == seen[1]
    assert len(seen[1]) == 201
    await broker.aclose()


async def test_anyone_publishes_by_http(shared_front_end: FrontEnd) -> None:
    async with await shared_front_end.connect("?channel=news") as connection:
        status, answer = await shared_front_end.post("/channels/news/publish", {"n": 1})
        assert status == 200
        assert json.loads(await connection.recv()) == {"event_id": answer["event_id"], "n": 1}
    assert (await shared_front_end.post("/channels/news/publish", {"event_id": "1-1"}))[0] == 422
    assert (await shared_front_end.post("/channels/no%20name/publish", {"n": 1}))[0] == 422
    assert (await shared_front_end.post("/channels/news/publish", {"n": "x" * 65_530}))[0] == 422


@pytest.mark.long
async def test_an_address_with_its_share_of_channels_is_refused_with_the_reason_and_others_are_not(
    front_end: StartFrontEnd,
) -> None:
    running = await front_end()

    async def connect(number: int, address: str) -> websockets.ClientConnection:
        query = "&".join(f"channel=n{50 * number + n}" for n in range(50))
        headers = {"x-forwarded-for": address}
        return await websockets.connect(f"{running.ws}?{query}", proxy=None, additional_headers=headers)

    clients = [await connect(number, "192.0.2.1") for number in range(50)]
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await connect(50, "192.0.2.1")
    assert refusal.value.response.status_code == 503
    assert b"192.0.2.1 was the first to name 2,500 channels here" in refusal.value.response.body
    clients += [await connect(50, "192.0.2.2"), await connect(3, "192.0.2.1")]
    for client in clients:
        await client.close()


async def test_a_client_of_fifty_new_channels_waits_for_few_round_trips(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    query = "&".join(f"channel=new{number}" for number in range(50))
    with own_valkey.admin() as admin:
        before = admin.info("commandstats")["cmdstat_subscribe"]["calls"]
        connection = await running.connect(f"?{query}")
        assert admin.info("commandstats")["cmdstat_subscribe"]["calls"] - before <= 3
    await connection.close()
