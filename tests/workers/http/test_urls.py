"""Where a download may lead, and what its errors may not tell."""

import random
import traceback
from pathlib import Path

import pytest

from tests.fetching import LOCAL, Download
from tests.scripted_server import (
    Reply,
    Server,
    answer,
    honest,
    raw,
    redirect,
    silence_after,
)
from workers.errors import (
    DownloadFailed,
    InvalidURL,
    TooManyRedirects,
)
from workers.http.client import Client
from workers.http.url import URL

CONTENT = random.Random(6).randbytes(50_000)


async def test_twenty_redirects_are_followed_and_no_more(server: Server, download: Download) -> None:
    for number in range(21):
        server.at(f"/{number}", redirect(f"/{number + 1}", (301, 302, 303, 307, 308)[number % 5]))
    server.at("/21", honest(CONTENT))
    await download.fetch(f"http://127.0.0.1:{server.port}/1")
    assert download.part.read_bytes() == CONTENT
    with pytest.raises(TooManyRedirects, match="more than 20 times"):
        await download.fetch(f"http://127.0.0.1:{server.port}/0")


async def test_a_redirect_loop_ends(server: Server, download: Download) -> None:
    server.at("/b", redirect("/a"))
    with pytest.raises(TooManyRedirects):
        await download.fetch(server.at("/a", redirect("/b")))
    assert len(server.requests) == 21


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://example.com/f", "ws://127.0.0.1/f", "data:,x", "http://", "http://["]
)
async def test_a_redirect_leads_to_http_or_https_only(server: Server, download: Download, location: str) -> None:
    with pytest.raises(InvalidURL, match="redirects to what is no http or https URL"):
        await download.fetch(server.at("/f", redirect(location)))


@pytest.mark.parametrize("url", ["ftp://example.com/f", "file:///etc/passwd", "ws://example.com/", "f.bin", ""])
async def test_only_http_and_https_are_downloaded(download: Download, url: str) -> None:
    with pytest.raises(InvalidURL, match="only http and https"):
        await download.fetch(url)


@pytest.mark.parametrize("url", ["http://", "http://[::1/f", "http://h:99999/f", "http://:80/", "http:///f"])
async def test_a_url_without_a_host_is_none(download: Download, url: str) -> None:
    with pytest.raises(InvalidURL, match="not a valid one"):
        await download.fetch(url)


SECRET_URL = "http://kim:hunter2@127.0.0.1:{port}/f?signature=s3cr3t"


async def test_user_and_password_become_basic_auth(server: Server, download: Download) -> None:
    server.at("/f", honest(CONTENT))
    await download.fetch(SECRET_URL.format(port=server.port))
    assert server.requests[0].headers["authorization"] == "Basic a2ltOmh1bnRlcjI="


@pytest.mark.parametrize(
    "reply",
    [
        answer(403, {}),
        answer(200, {"Content-Length": "9"}, b"x"),
        answer(200, {"Content-Length": "x"}),
        redirect("/f?signature=s3cr3t"),
        redirect("ftp://kim:hunter2@127.0.0.1/f?signature=s3cr3t"),
        redirect("http://kim:hunter2@[::1/f?signature=s3cr3t"),
        redirect("http://kim:hunter2@127.0.0.2/f?signature=s3cr3t"),
        raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        raw(b""),
        silence_after(raw(b"")),
    ],
)
async def test_no_traceback_has_the_password_or_the_query(server: Server, tmp_path: Path, reply: Reply) -> None:
    server.at("/f", reply)
    async with Client(LOCAL, read_timeout_s=0.1) as client:
        with pytest.raises(DownloadFailed) as caught:
            await Download(client, tmp_path / "p").fetch(SECRET_URL.format(port=server.port))
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "hunter2" not in told and "s3cr3t" not in told


@pytest.mark.parametrize("url", ["http://kim:hunter2@/f", "http://kim:hunter2@h:99999/", "ftp://kim:hunter2@h/"])
async def test_no_traceback_of_a_bad_url_has_its_password(download: Download, url: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        await download.fetch(url)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_bytes_of_a_login_that_are_no_text_are_replaced_or_refused() -> None:
    url = URL.parse("http://kim%C3%A4\udcff:pä%3A@h/")
    assert (url.user, url.password) == ("kimä\ufffd", "pä:")
    with pytest.raises(InvalidURL):
        URL.parse("http://\ud800@h/")


HOSTS = {
    "straße.example": "xn--strae-oqa.example",
    "βόλος.example": "xn--nxasmm1c.example",
    "ΒΌΛΟΣ.example": "xn--nxasmq6b.example",
    "bücher。example": "xn--bcher-kva.example",
    "i❤.example": "xn--i-7iq.example",
}


@pytest.mark.parametrize(("host", "ascii_host"), HOSTS.items())
def test_a_host_is_the_one_that_browsers_and_curl_reach(host: str, ascii_host: str) -> None:
    """The names of IDNA 2003 belong to others: strasse.example, fass.example."""
    assert URL.parse(f"https://{host}/f").host == ascii_host


@pytest.mark.parametrize("host", ["127.0.0.1：80", "h／x", "u＠127.0.0.1", "h℀", "［", "h＃"])
def test_no_host_becomes_more_than_a_host_in_ascii(host: str) -> None:
    """A proxy would be asked for 127.0.0.1, which is judged as a name."""
    with pytest.raises(InvalidURL):
        URL.parse(f"http://{host}/f")
