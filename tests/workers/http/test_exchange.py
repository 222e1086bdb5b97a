"""A transfer may end in the very turn of the loop in which its caller leaves it, or after its client has ended."""

import asyncio

import pycurl
import pytest

from tests.conditions import until
from tests.fetching import LOCAL
from tests.scripted_server import Reply, Server, honest, silence_after
from workers.errors import ConnectionFailed
from workers.http.client import Client, Request
from workers.http.exchange import Response
from workers.http.url import URL


async def open_exchange(client: Client, server: Server, reply: Reply) -> Response:
    return await client.open(Request(URL.parse(server.at("/f", reply)), pycurl.CurlShare()))


@pytest.fixture
async def faults() -> list[dict[str, object]]:
    """What callbacks of the loop raised."""
    raised: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: raised.append(context))
    return raised


@pytest.fixture
def after_end(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Calls to make as soon as a transfer has ended, before the loop calls back whoever waits for that end."""
    calls: list[object] = []
    resolve = pycurl.AsyncCurlMulti._resolve

    def resolve_and_call(multi: pycurl.AsyncCurlMulti, easy: pycurl.Curl, error: BaseException | None) -> None:
        resolve(multi, easy, error)
        while calls:
            calls.pop()()  # type: ignore[operator]

    monkeypatch.setattr(pycurl.AsyncCurlMulti, "_resolve", resolve_and_call)
    return calls


async def test_a_transfer_that_fails_while_it_is_left_raises_in_no_callback(
    server: Server, client: Client, faults: list[dict[str, object]], after_end: list[object]
) -> None:
    exchange = await open_exchange(client, server, honest(bytes(50_000), cut_after=20_000))
    after_end.append(exchange.close)
    await until(lambda: not after_end, "the transfer's end")
    await asyncio.sleep(0)
    assert faults == []


async def test_a_body_that_its_client_ended_is_not_a_complete_one(server: Server) -> None:
    async with Client(LOCAL) as client:
        exchange = await open_exchange(client, server, silence_after(honest(b"x", headers={"Content-Length": "9"})))
        assert bytes(await exchange.read()) == b"x"
    assert bytes(await exchange.read()) == b""
    assert isinstance(exchange.failure, ConnectionFailed)
    exchange.close()
