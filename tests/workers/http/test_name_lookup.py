"""Names are resolved outside of libcurl: each look-up by itself, and its answer judged like any other address."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conditions import until
from tests.fetching import LOCAL, Download
from tests.scripted_server import Server, honest
from workers.errors import AddressRefused, NameNotResolved
from workers.http.client import Client

ADDRESSES = {"right.example": ["127.0.0.1"], "private.example": ["10.0.0.1"], "both.example": ["10.0.0.1", "127.0.0.1"]}
HUNG = 40  # more than any pool of threads that all share


class NameServer:
    """getaddrinfo, which knows ADDRESSES and hangs for every other name until the end of the test."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.end = threading.Event()

    def getaddrinfo(self, host: str, *_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        self.requests.append(host)
        if host not in ADDRESSES:
            self.end.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "whatever")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ADDRESSES[host]]


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    made = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.end.set()
    for thread in threading.enumerate():
        if thread.name == "look-up":
            thread.join(10)


async def test_hung_look_ups_delay_neither_a_neighbour_nor_the_clients_end(
    server: Server, tmp_path: Path, name_server: NameServer
) -> None:
    url = server.at("/f", honest(b"right")).replace("127.0.0.1", "right.example")
    async with Client(LOCAL) as client:
        hung = [
            asyncio.create_task(Download(client, tmp_path / f"{number}").fetch(f"http://hung{number}.example/f"))
            for number in range(HUNG)
        ]
        await until(lambda: len(name_server.requests) == HUNG, "all hung look-ups")
        await Download(client, tmp_path / "right").fetch(url)
        for task in hung:
            task.cancel()
        await asyncio.gather(*hung, return_exceptions=True)
    assert (tmp_path / "right").read_bytes() == b"right"
    assert not name_server.end.is_set()


async def test_a_name_server_that_does_not_answer_ends_the_try_with_that_reason(
    tmp_path: Path, name_server: NameServer
) -> None:
    async with Client(LOCAL, connect_timeout_s=0.05) as client:
        with pytest.raises(NameNotResolved, match=r"hung\.example could not be resolved: the name server did") as error:
            await Download(client, tmp_path / "f").fetch("http://hung.example/f")
    assert error.value.transient


async def test_the_addresses_of_a_name_are_judged_one_by_one(
    server: Server, download: Download, name_server: NameServer
) -> None:
    url = server.at("/f", honest(b"right"))
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1 is private"):
        await download.fetch(url.replace("127.0.0.1", "private.example"))
    await download.fetch(url.replace("127.0.0.1", "both.example"))
    assert download.part.read_bytes() == b"right"


async def test_a_name_is_looked_up_once_for_requests_that_follow_each_other(
    server: Server, download: Download, name_server: NameServer
) -> None:
    url = server.at("/f", honest(b"right")).replace("127.0.0.1", "right.example")
    await download.fetch(url)
    await download.fetch(url)
    assert name_server.requests == ["right.example"]
    assert [request.headers["host"] for request in server.requests] == [f"right.example:{server.port}"] * len(
        server.requests
    )
