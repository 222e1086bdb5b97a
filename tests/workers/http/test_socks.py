"""A SOCKS5 proxy resolves the names, since an address that was resolved here would not have been judged there."""

import pytest

from simulcast.model.download_options import DownloadOptions
from tests.fetching import Download, Terms, terms
from tests.scripted_server import Server, honest
from tests.socks_server import SOCKSServer
from workers.error_messages import message_for
from workers.errors import AddressRefused, ProxyError


def through(proxy: SOCKSServer, scheme: str = "socks5", login: str = "") -> Terms:
    by = terms(proxies=(f"{scheme}://127.0.0.1:{proxy.port}",))
    by.given = DownloadOptions.model_validate({"proxy": f"{scheme}://{login}127.0.0.1:{proxy.port}"})
    return by


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_the_proxy_resolves_the_name(server: Server, download: Download, scheme: str) -> None:
    server.at("/f", honest(b"right"))
    async with SOCKSServer(server.port) as proxy:
        await download.fetch("http://files.example/f", through(proxy, scheme))
    assert proxy.targets == [("files.example", 80)]
    assert download.part.read_bytes() == b"right"


async def test_user_and_password_of_the_proxy_are_sent_to_it_alone(server: Server, download: Download) -> None:
    server.at("/f", honest(b"right"))
    async with SOCKSServer(server.port, ("kim", "p@ss")) as proxy:
        await download.fetch("http://files.example/f", through(proxy, login="kim:p%40ss@"))
        with pytest.raises(ProxyError) as error:
            await download.fetch("http://files.example/f", through(proxy, login="kim:wrong@"))
    assert "authorization" not in server.requests[0].headers and "proxy-authorization" not in server.requests[0].headers
    assert message_for(error.value) == "the proxy refused the connection"


async def test_a_connection_that_the_proxy_refuses_is_the_proxys_error(server: Server, download: Download) -> None:
    async with SOCKSServer(server.port, reply=5) as proxy:
        with pytest.raises(ProxyError) as error:
            await download.fetch("http://files.example/f", through(proxy))
    assert message_for(error.value) == "the proxy refused the connection"


async def test_an_address_that_is_not_public_is_not_requested_of_the_proxy(server: Server, download: Download) -> None:
    async with SOCKSServer(server.port) as proxy:
        with pytest.raises(AddressRefused):
            await download.fetch("http://10.0.0.1/f", through(proxy))
    assert proxy.targets == []
