"""The session reaches public addresses only, whatever the spelling, and speaks for itself only."""

import ipaddress
import socket

import aiohttp
import pytest

from tests.scripted_server import Server, honest, raw, redirect, silence_after
from tests.workers.conftest import LOCAL, Download
from tests.workers.resolvers import FixedResolver
from workers.error_messages import message_for
from workers.errors import ConnectError
from workers.http.address_filter import AddressRefused, socket_factory
from workers.http.session import make_session
from workers.transfer.fetch import fetch


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "localhost.",
        "[::1]",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "127.1",
        "0",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "[::]",
        "10.0.0.1",
        "192.168.1.1",
        "[fe80::1]",
        "[fe80::1%251]",
        "100.64.0.1",
    ],
)
async def test_no_spelling_of_a_private_address_is_reached(server: Server, tmp_path: object, host: str) -> None:
    server.at("/f", honest(b"secret"))
    async with make_session(()) as session:
        with pytest.raises((aiohttp.ClientConnectorError, aiohttp.InvalidURL)) as caught:
            await session.get(f"http://{host}:{server.port}/f")
    if isinstance(caught.value, aiohttp.ClientConnectorError):
        # Some spellings are none for the system's resolver, and not to be found there is as good.
        assert isinstance(caught.value.os_error, AddressRefused | socket.gaierror)
    assert server.requests == []


async def test_a_name_whose_addresses_are_all_private_is_refused_by_one_of_them(download: Download) -> None:
    async with make_session((), resolver=FixedResolver("::1", "10.0.0.1", "127.0.0.1")) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get("http://example.invalid/f")
    assert "SIMULCAST_ALLOW_NETWORKS" in message_for(caught.value)
    assert "::1 is a loopback address" in message_for(caught.value)


async def test_of_a_name_with_private_and_allowed_addresses_only_the_allowed_is_tried(server: Server) -> None:
    server.at("/f", honest(b"x"))
    async with make_session(LOCAL, resolver=FixedResolver("10.0.0.1", "127.0.0.1")) as session:
        response = await session.get(f"http://example.invalid:{server.port}/f")
        assert await response.read() == b"x"


async def test_the_socket_refuses_what_a_name_was_rebound_to() -> None:
    """Without the resolver's filter: whatever was resolved when, the address connected to is judged."""
    connector = aiohttp.TCPConnector(resolver=FixedResolver("10.0.0.1"), socket_factory=socket_factory(LOCAL))
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get("http://example.invalid/f")
    assert isinstance(caught.value.os_error, AddressRefused)


async def test_a_redirect_to_a_private_address_is_refused(server: Server, download: Download) -> None:
    url = server.at("/f", redirect(f"http://127.0.0.2:{server.port}/f"))
    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        await download.fetch(url)
    assert message_for(caught.value) == (
        "the address 127.0.0.2 is a loopback address; only public addresses are downloaded from, "
        "unless SIMULCAST_ALLOW_NETWORKS names their network"
    )
    assert not download.part.exists()


async def test_an_allowed_network_is_reached_in_its_mapped_spelling_too(server: Server) -> None:
    server.at("/f", honest(b"x"))
    async with make_session((ipaddress.ip_network("127.0.0.0/8"),)) as session:
        response = await session.get(f"http://[::ffff:127.0.0.1]:{server.port}/f")
        assert await response.read() == b"x"


async def test_a_name_that_can_not_be_one_is_not_resolved() -> None:
    async with make_session(()) as session:
        with pytest.raises(aiohttp.ClientConnectorDNSError) as caught:
            await session.get(f"http://{'a' * 64}.invalid/f")
    assert "could not be resolved" in message_for(caught.value)


async def test_it_asks_for_plain_bytes_and_keeps_no_cookies(server: Server, download: Download) -> None:
    url = server.at("/f", honest(b"x", headers={"Set-Cookie": "a=b"}))
    await download.fetch(url)
    await download.fetch(url)
    for request in server.requests:
        assert request.headers["accept-encoding"] == "identity"
        assert "cookie" not in request.headers


async def test_a_proxy_in_the_environment_is_not_asked(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.port}/proxy")
    await download.fetch(server.at("/f", honest(b"x")))
    assert [request.target for request in server.requests] == ["/f"]


async def test_a_redirect_to_another_server_does_not_take_the_password_along(
    server: Server, download: Download
) -> None:
    async with Server() as other:
        url = server.at("/f", redirect(other.at("/g", honest(b"x"))))
        await download.fetch(url.replace("//", "//kim:hunter2@"))
        assert "authorization" in server.requests[0].headers
        assert "authorization" not in other.requests[0].headers


async def test_a_host_that_never_accepts_is_left_after_the_time(tmp_path: object, download: Download) -> None:
    # A full backlog: the kernel neither accepts nor refuses.
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            async with make_session(LOCAL, connect_timeout_s=0.2) as session:
                with pytest.raises(ConnectError, match=r"no connection to the server came about within 0\.2 s"):
                    await Download(session, download.part).fetch(f"http://127.0.0.1:{port}/f")
        finally:
            for one in waiting:
                one.close()


async def test_many_answers_on_one_connection_are_kept_apart(server: Server, download: Download) -> None:
    """Bytes beyond a body's length are never the next download's."""
    surplus = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    kept_open = silence_after(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood" + surplus))
    url = server.at("/f", kept_open)
    for _ in range(3):
        await fetch(download.session, url, download.part, None, lambda *_: None, on_source=download.on_source)
        assert download.part.read_bytes() == b"good"
