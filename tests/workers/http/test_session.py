"""The client reaches public addresses only, whatever the spelling, and sends nothing of its own accord."""

import ipaddress
import socket

import pytest

from tests.fetching import LOCAL, Download
from tests.scripted_server import Server, honest, raw, redirect, silence_after
from workers.error_messages import message_for
from workers.errors import AddressRefused, ConnectError, ConnectionFailed, InvalidURL
from workers.http.client import Client


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
async def test_no_spelling_of_a_private_address_is_reached(server: Server, download: Download, host: str) -> None:
    server.at("/f", honest(b"secret"))
    async with Client(()) as client:
        # Some spellings are none for the system's resolver, and not to be found there is as good.
        with pytest.raises((AddressRefused, InvalidURL, ConnectionFailed)):
            await Download(client, download.part).fetch(f"http://{host}:{server.port}/f")
    assert server.requests == []


async def test_a_name_whose_addresses_are_all_private_is_refused_by_one_of_them(
    server: Server, download: Download
) -> None:
    async with Client(()) as client:
        with pytest.raises(AddressRefused, match=r"is a loopback address.*SIMULCAST_ALLOW_NETWORKS"):
            await Download(client, download.part).fetch(f"http://localhost:{server.port}/f")
    assert server.requests == []


async def test_of_a_name_with_refused_and_allowed_addresses_only_the_allowed_is_tried(
    server: Server, download: Download
) -> None:
    """`localhost` is ::1 too here, which LOCAL does not name."""
    server.at("/f", honest(b"x"))
    await download.fetch(f"http://localhost:{server.port}/f")
    assert download.part.read_bytes() == b"x"


async def test_the_socket_refuses_what_a_name_was_rebound_to(server: Server, download: Download) -> None:
    """Whatever was resolved when, the address of each new connection is judged."""
    url = server.at("/f", honest(b"x")).replace("127.0.0.1", "localhost")
    await download.fetch(url)
    download.client.allow = ()
    with pytest.raises(AddressRefused):
        await download.fetch(url)
    assert len(server.requests) == 1


async def test_a_redirect_to_a_private_address_is_refused(server: Server, download: Download) -> None:
    url = server.at("/f", redirect(f"http://127.0.0.2:{server.port}/f"))
    with pytest.raises(AddressRefused) as caught:
        await download.fetch(url)
    assert message_for(caught.value) == (
        "the address 127.0.0.2 is a loopback address; only public addresses are downloaded from, "
        "unless SIMULCAST_ALLOW_NETWORKS names their network"
    )
    assert not download.part.exists()


async def test_an_allowed_network_is_reached_in_its_mapped_spelling_too(server: Server, download: Download) -> None:
    server.at("/f", honest(b"x"))
    async with Client((ipaddress.ip_network("127.0.0.0/8"),)) as client:
        await Download(client, download.part).fetch(f"http://[::ffff:127.0.0.1]:{server.port}/f")
    assert download.part.read_bytes() == b"x"


async def test_a_name_that_can_not_be_one_is_not_resolved(download: Download) -> None:
    with pytest.raises((InvalidURL, ConnectionFailed), match=r"could not be resolved|not a valid one") as caught:
        await download.fetch(f"http://{'a' * 64}.invalid/f")
    assert not caught.value.transient


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
            async with Client(LOCAL, connect_timeout_s=0.2) as client:
                with pytest.raises(ConnectError, match=r"no connection to the server came about within 0\.2 s"):
                    await Download(client, download.part).fetch(f"http://127.0.0.1:{port}/f")
        finally:
            for one in waiting:
                one.close()


async def test_many_answers_on_one_connection_are_kept_apart(server: Server, download: Download) -> None:
    """Bytes beyond a body's length are never the next download's."""
    surplus = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    kept_open = silence_after(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood" + surplus))
    url = server.at("/f", kept_open)
    for _ in range(3):
        await download.fetch(url)
        assert download.part.read_bytes() == b"good"
