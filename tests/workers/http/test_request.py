"""Whose secrets go where: to the origin that they were given for, and to no other."""

import base64
import traceback

import pytest

from simulcast.model.download_options import DownloadOptions
from tests.fetching import Download, Terms, terms
from tests.scripted_server import Request, Server, answer, honest, redirect
from workers.error_messages import message_for
from workers.errors import AddressRefused, ConnectionFailed, ProxyError, ProxyNotAllowed
from workers.http.client import Client
from workers.http.request import FileRequest

GIVEN = {"Cookie": "s3cr3t", "X-Api-Key": "s3cr3t", "User-Agent": "mine/1.0"}
SECRET = {"cookie", "x-api-key", "authorization"}


def asking(*proxies: str, **said: object) -> Terms:
    by = terms(proxies=proxies)
    by.given = DownloadOptions.model_validate(said)
    return by


def secrets(request: Request) -> set[str]:
    return SECRET & set(request.headers)


async def test_what_is_given_is_sent(server: Server, download: Download) -> None:
    await download.fetch(server.at("/f", honest(b"x")), asking(headers=GIVEN, bearer="t0ken"))
    headers = server.requests[0].headers
    assert (headers["cookie"], headers["x-api-key"], headers["user-agent"]) == ("s3cr3t", "s3cr3t", "mine/1.0")
    assert headers["authorization"] == "Bearer t0ken"
    assert headers["accept-encoding"] == "identity"


async def test_a_user_and_a_password_are_basic_auth_in_utf_8(server: Server, download: Download) -> None:
    by = asking(basic={"user": "kim", "password": "pä:ss"})
    await download.fetch(server.at("/f", honest(b"x")), by)
    kind, _, code = server.requests[0].headers["authorization"].partition(" ")
    assert (kind, base64.b64decode(code).decode()) == ("Basic", "kim:pä:ss")


async def test_what_is_given_wins_over_what_the_url_says(server: Server, download: Download) -> None:
    url = server.at("/f", honest(b"x")).replace("//", "//kim:hunter2@")
    await download.fetch(url, asking(bearer="t0ken"))
    assert server.requests[0].headers["authorization"] == "Bearer t0ken"


async def test_a_redirect_within_the_origin_takes_them_along(server: Server, download: Download) -> None:
    server.at("/g", honest(b"x"))
    await download.fetch(server.at("/f", redirect("/g")), asking(headers=GIVEN, bearer="t0ken"))
    assert secrets(server.requests[1]) == SECRET


async def test_a_redirect_to_another_origin_loses_them_for_good(server: Server, download: Download) -> None:
    """Also back at home: that request is one that the other server wrote."""
    async with Server() as other:
        back = server.at("/back", honest(b"x"))
        other.at("/h", redirect(back))
        url = server.at("/f", redirect(other.at("/g", redirect("/h"))))
        await download.fetch(url, asking(headers=GIVEN, bearer="t0ken"))
        assert secrets(server.requests[0]) == SECRET
        assert [secrets(request) for request in other.requests] == [set(), set()]
        assert other.requests[0].headers["user-agent"] == "mine/1.0"
        assert secrets(server.requests[1]) == set()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1"])
async def test_another_name_or_port_of_the_same_machine_is_another_origin(
    server: Server, download: Download, host: str
) -> None:
    target = f"http://{host}/f" if ":" in host else f"http://{host}:{server.port}/g"
    server.at("/g", honest(b"x"))
    url = server.at("/f", redirect(target))
    try:
        await download.fetch(url, asking(headers=GIVEN))
    except ConnectionFailed:
        return  # nobody is there
    assert secrets(server.requests[1]) == set()


async def test_a_resumed_download_asks_with_them_again(server: Server, download: Download) -> None:
    url = server.at("/f", honest(bytes(1000), cut_after=500), honest(bytes(1000)))
    by = asking(headers=GIVEN)
    with pytest.raises(Exception, match="500 of 1000"):
        await download.fetch(url, by)
    await download.fetch(url, by)
    assert secrets(server.requests[1]) == {"cookie", "x-api-key"}
    assert server.requests[1].headers["range"] == "bytes=500-"


async def test_a_proxy_that_the_operator_does_not_list_is_not_asked(server: Server, client: Client) -> None:
    proxy = f"http://kim:s3cr3t@127.0.0.1:{server.port}"
    for listed in ((), ("http://127.0.0.1:1",), (f"https://127.0.0.1:{server.port}",)):
        with pytest.raises(ProxyNotAllowed) as caught:
            FileRequest(client, "http://example.invalid/f", asking(proxy=proxy).given, listed)
        assert str(caught.value) == (
            f"the proxy http://127.0.0.1:{server.port} is none that the operator allows (SIMULCAST_DOWNLOAD_PROXIES)"
        )
        assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


async def test_a_listed_proxy_is_asked_and_alone_gets_its_password(server: Server, download: Download) -> None:
    proxy = f"http://127.0.0.1:{server.port}"
    server.at("http://example.invalid/f", honest(b"by proxy"))
    by = asking(proxy, proxy=proxy.replace("//", "//kim:pr0xy@"), bearer="t0ken")
    await download.fetch("http://example.invalid/f", by)
    assert download.part.read_bytes() == b"by proxy"
    headers = server.requests[0].headers
    assert headers["proxy-authorization"] == "Basic " + base64.b64encode(b"kim:pr0xy").decode()
    assert headers["authorization"] == "Bearer t0ken"


async def test_a_proxys_own_address_passes_the_same_door(server: Server, download: Download) -> None:
    proxy = f"http://127.0.0.2:{server.port}"
    with pytest.raises(AddressRefused) as caught:
        await download.fetch("http://example.invalid/f", asking(proxy, proxy=proxy))
    assert "127.0.0.2 is a loopback address" in message_for(caught.value)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "[::1]", "169.254.169.254", "localhost", "a.localhost", "[::ffff:10.0.0.1]"]
)
async def test_what_can_be_judged_of_a_target_behind_a_proxy_is(server: Server, download: Download, host: str) -> None:
    proxy = f"http://127.0.0.1:{server.port}"
    async with Client(()) as client:
        with pytest.raises(AddressRefused):
            await Download(client, download.part).fetch(f"http://{host}/f", asking(proxy, proxy=proxy))
    assert server.requests == []


async def test_a_proxy_that_refuses_is_named_as_such(server: Server, download: Download) -> None:
    proxy = f"http://127.0.0.1:{server.port}"
    server.at("example.invalid:443", answer(407, {"Content-Length": "0"}))
    with pytest.raises(ProxyError, match="the proxy answered 407 Proxy Authentication Required"):
        await download.fetch("https://example.invalid/f", asking(proxy, proxy=proxy))
