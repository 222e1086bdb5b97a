"""Requests of commands to a service elsewhere: refusals, connections, TLS and addresses."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.certificates import server_context, write_certificate
from tests.command_line import Command, assert_complaint
from tests.ports import free_port
from tests.service import FrontEnd


@asynccontextmanager
async def scripted(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers its requests one after the other, then again from the first; yields port and requests."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(b"connection")
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                served = sum(each != b"connection" for each in requests)
                requests.append(head)
                writer.write(answers[served % len(answers)])
                await writer.drain()
                if b"cut" in answers[served % len(answers)]:
                    break
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1], requests


def response(status: int, body: bytes, *headers: str) -> bytes:
    kind = "application/json" if body.startswith(b"{") else "text/html"
    head = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (response(401, b'{"detail":"the token has expired"}'), 4, "(401): the token has expired; set SIMULCAST_TOKEN"),
        (response(403, b"<p>no</p>"), 4, "refuses that (403): is its path right?"),
        (response(404, b"<p>no</p>"), 1, "is no Simulcast with a REST API (404): is its path right?"),
        (response(421, b'{"detail":"evil is refused"}'), 1, "refuses that (421): evil is refused"),
        (response(422, b'{"detail":"limit: too large"}'), 1, "simulcast: limit: too large\n"),
        (response(429, b'{"detail":"too many"}', "Retry-After: 7"), 3, "(429): too many; try again in 7 s"),
        (response(502, b"<p>bad</p>"), 3, "is not ready (502): try again later"),
        (response(503, b'{"detail":"no Redis"}', "Retry-After: Friday"), 3, "is not ready (503): no Redis\n"),
        (
            response(301, b"", "Location: https://u:s3cr3t@a/?s3cr3t"),
            1,
            "redirects to https://a/, give that with --url",
        ),
        (response(200, b"<p>a page</p>"), 1, "it answers with a page"),
        (response(200, b'{"downloads":[{}],"total":1}'), 1, "is it of another version?"),
        (response(400, b'{"detail":"\\u001b[2J"}'), 1, "(400): ·[2J"),
        (b"SSH-2.0-OpenSSH\r\n", 3, "does not answer in HTTP: does it begin with https://"),
    ],
)
async def test_a_refusal_is_named_with_its_remedy(simulcast: Command, answer: bytes, code: int, words: str) -> None:
    async with scripted(answer) as (port, _):
        url = f"http://me:s3cr3t@127.0.0.1:{port}/sub"
        text = assert_complaint(await asyncio.to_thread(simulcast, "list", "--url", url), code)
    assert words in text and "s3cr3t" not in text


async def test_a_connection_is_kept_and_one_that_became_stale_is_replaced(simulcast: Command) -> None:
    accepted = response(200, b'{"status":"accepted"}')
    async with scripted(accepted, accepted + b"", accepted.replace(b"X", b"cut", 1)) as (port, requests):
        url = f"http://127.0.0.1:{port}"
        done = await asyncio.to_thread(simulcast, "pause", "a", "b", "c", "d", "e", "--url", url)
    assert done.stdout.count("is recorded") == 5, done
    assert requests.count(b"connection") == 2
    paths = [head.split()[1].partition(b"?")[0] for head in requests if head != b"connection"]
    assert paths == [b"/downloads/%s/pause" % name for name in (b"a", b"b", b"c", b"d", b"e")]


@pytest.mark.parametrize("body", [b"{}", b'{"status":"ok"}', b'{"status":', b""])
async def test_a_success_of_another_service_is_no_accepted_command(simulcast: Command, body: bytes) -> None:
    answer = response(200, body).replace(b"text/html", b"application/json")
    async with scripted(answer) as (port, _):
        done = await asyncio.to_thread(simulcast, "pause", "a", "--url", f"http://127.0.0.1:{port}")
    assert "is it of another version?" in assert_complaint(done) and not done.stdout


async def test_an_id_that_is_empty_and_a_name_that_is_no_text_are_explained(
    simulcast: Command, shared_front_end: FrontEnd
) -> None:
    url = f"http://127.0.0.1:{shared_front_end.port}"
    for name in ("pause", "cancel", "delete"):
        for job_id, words in (("\udcff", "there is no download or job"), ("", "an id is empty")):
            assert words in assert_complaint(await asyncio.to_thread(simulcast, name, job_id, "--url", url))
    text = await asyncio.to_thread(simulcast, "watch", "--channel", "\udcff", "--url", url)
    assert "a channel has 1 to 100 of" in assert_complaint(text)
    done = await asyncio.to_thread(simulcast, "list", "--kind", "\udcff", "--url", url)
    assert done.returncode == 0 and not done.stdout, done


async def test_requests_go_through_the_proxy_of_the_environment_whose_password_is_not_shown(simulcast: Command) -> None:
    empty = response(200, b'{"downloads":[],"jobs":[],"total":0}')
    async with scripted(b"HTTP/1.1 200 Connected\r\n\r\n", empty, empty) as (port, requests):
        proxy = f"http://me:s3%40t@127.0.0.1:{port}"
        done = await asyncio.to_thread(simulcast, "list", "--url", "http://service.example/x", http_proxy=proxy)
        assert done.returncode == 0, done
    _, connect, first, second = requests
    assert connect.startswith(b"CONNECT service.example:80 HTTP/1.")
    assert b"Proxy-Authorization: Basic bWU6czNAdA==\r\n" in connect and b"s3" not in first
    assert (first.split()[1], second.split()[1]) == (b"/x/downloads?limit=100", b"/x/jobs?limit=100")
    async with scripted(b"HTTP/1.1 407 Who\r\n\r\ncut") as (port, _):
        proxy = f"http://me:s3%40t@127.0.0.1:{port}"
        text = await asyncio.to_thread(simulcast, "list", "--url", "http://service.example/x", http_proxy=proxy)
        assert "Tunnel connection failed: 407" in assert_complaint(text, 3) and "s3" not in text.stderr


async def test_trouble_with_tls_is_named(simulcast: Command, shared_front_end: FrontEnd, tmp_path: Path) -> None:
    write_certificate(tmp_path, "127.0.0.1")
    empty = response(200, b'{"downloads":[],"jobs":[],"total":0}')
    async with scripted(empty, tls=server_context(tmp_path)) as (port, _):
        url = f"https://127.0.0.1:{port}"
        text = assert_complaint(await asyncio.to_thread(simulcast, "list", "--url", url))
        assert f"the certificate of {url} is not trusted" in text and "SSL_CERT_FILE" in text
        text = assert_complaint(await asyncio.to_thread(simulcast, "watch", "--url", url))
        assert "is not trusted" in text
        trusted = str(tmp_path / "cert.pem")
        assert (await asyncio.to_thread(simulcast, "list", "--url", url, SSL_CERT_FILE=trusted)).returncode == 0
        text = assert_complaint(await asyncio.to_thread(simulcast, "list", "--url", f"http://127.0.0.1:{port}"), 3)
        assert "does it begin with https://" in text
    plain = f"https://127.0.0.1:{shared_front_end.port}"
    assert "does not speak TLS" in assert_complaint(await asyncio.to_thread(simulcast, "list", "--url", plain))


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("http://me:s3cr3t@127.0.0.1:{free_port}/sub", 3, "no server at http://127.0.0.1:"),
        ("https://me:s3/cr3t@host", 1, "its host or port is not valid"),
        ("https://s3cr3t/s3cr3t@host", 1, "has a path with an @"),
        ("https://me:s3cr3t@[::1", 1, "is not valid"),
        ("https://s3cr3t@localhost", 1, "username provided without password"),
        ("localhost:8080", 1, "it looks like https://host"),
        ("ftp://host", 1, "it looks like https://host"),
        ("http://localhost:99999", 1, "is not valid"),
        ("http://localhost/#s3cr3t", 1, "fragment"),
        ("http://localhost/?channel=s3cr3t", 1, "only `simulcast watch` takes a query"),
        ("http://localhost/a b", 1, "percent-encode"),
        ("http://nowhere.invalid", 3, "no server at http://nowhere.invalid: "),
        ("http://" + "a" * 70 + ".example", 1, "its host is no name"),
    ],
)
def test_an_address_that_is_none_is_named_without_its_secrets(
    simulcast: Command, url: str, code: int, words: str
) -> None:
    text = assert_complaint(simulcast("list", "--url", url.replace("{free_port}", str(free_port()))), code)
    assert words in text and "s3cr3t" not in text and "s3" not in text


def test_a_user_in_the_address_and_a_token_exclude_each_other(simulcast: Command) -> None:
    for name in ("list", "watch"):
        text = assert_complaint(simulcast(name, "--url", "http://me:s3cr3t@localhost", "--token", "abc"))
        assert "a request can carry one of them" in text and "s3cr3t" not in text
