"""The addresses of docs/flutter.md, and the connections of an app that knows nothing but the guide."""

import pytest
import websockets
from websockets.exceptions import InvalidStatus

from simulcast.broker import Broker
from tests.contract_examples import FROM_SERVER, parse_members
from tests.service import FrontEnd, collect


def connection(running: FrontEnd, host: str, origin: str | None) -> websockets.connect:
    """Connect as an app that knows the server as `host`; in a browser it has an `origin`."""
    known = websockets.Origin(origin) if origin else None
    return websockets.connect(f"ws://{host}/ws", proxy=None, origin=known, host="127.0.0.1", port=running.port)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("10.0.2.2:8080", None),  # the Android emulator
        ("192.168.1.20:8080", None),  # a phone
        ("localhost:8080", "http://localhost:54321"),  # flutter run -d chrome
    ],
)
async def test_an_app_receives_events_from_each_place_of_the_table(
    shared_front_end: FrontEnd, shared_broker: Broker, host: str, origin: str | None
) -> None:
    async with connection(shared_front_end, host, origin) as client:
        await shared_broker.publish({"type": "marker", "host": host})
        (text,) = await collect(client, host)
    assert parse_members(text.encode())["type"] == "marker"


@pytest.mark.parametrize(
    ("host", "origin", "status"), [("a-name", None, 421), ("localhost", "https://app.example", 403)]
)
async def test_apps_of_other_places_are_refused(
    shared_front_end: FrontEnd, host: str, origin: str | None, status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connection(shared_front_end, host, origin):
            pass
    assert refused.value.response.status_code == status


async def test_an_unmodified_gateway_gets_the_snapshot_at_each_connection(
    shared_front_end: FrontEnd, shared_broker: Broker
) -> None:
    async with await shared_front_end.connect() as witness:
        for event in (FROM_SERVER["download_progress.live_only"], b"Hello", b'{"type":"marker"}'):
            await shared_broker.publish(event)
        await collect(witness, "marker")
    for _ in range(2):
        async with await shared_front_end.connect() as client:
            await client.send("Hello from Flutter!")
            await client.send("{}")
            texts = await collect(client, "missing_member")
        assert [parse_members(text.encode())["type"] for text in texts] == ["download_progress", "error"]


async def test_a_gateway_that_says_where_it_was_gets_what_it_missed(
    shared_front_end: FrontEnd, shared_broker: Broker
) -> None:
    first = await shared_broker.publish({"type": "first"})
    for name in ("missed", "last"):
        await shared_broker.publish({"type": name})
    async with await shared_front_end.connect(f"?since={first}") as client:
        texts = await collect(client, "last")
    assert [parse_members(text.encode())["type"] for text in texts] == ["missed", "last"]
