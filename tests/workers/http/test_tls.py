"""Certificates: the authorities of the system or of SSL_CERT_FILE, and a clear reason for any other."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from simulcast.curl_tls import tls_options
from tests.certificates import server_context, write_certificate
from tests.fetching import Download
from workers.error_messages import message_for
from workers.errors import ConnectionFailed
from workers.http import client as http_client

LONG_AGO = datetime.timedelta(days=30)


@asynccontextmanager
async def serve_tls(folder: Path) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nright")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(folder)) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/f"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator trusts what tmp_path/cert.pem holds."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    (tmp_path / "cert.pem").touch()  # the file is looked for now, and read with each connection
    monkeypatch.setattr(http_client, "_TLS", tls_options())


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_of_an_authority_that_the_operator_names_is_trusted(
    download: Download, tmp_path: Path
) -> None:
    write_certificate(tmp_path, "127.0.0.1")
    async with serve_tls(tmp_path) as url:
        await download.fetch(url)
    assert download.part.read_bytes() == b"right"


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("host", "age", "reason"),
    [
        ("127.0.0.2", datetime.timedelta(), "it is for another host"),
        ("example.com", datetime.timedelta(), "it is for another host"),
        ("127.0.0.1", LONG_AGO, "certificate has expired"),
        ("127.0.0.1", -LONG_AGO, "certificate is not yet valid or the system clock is incorrect"),
    ],
)
async def test_a_certificate_that_is_not_this_hosts_is_refused(
    download: Download, tmp_path: Path, host: str, age: datetime.timedelta, reason: str
) -> None:
    write_certificate(tmp_path, host, age)
    await refused(download, tmp_path, reason)


async def test_a_certificate_that_no_authority_signed_is_refused(download: Download, tmp_path: Path) -> None:
    write_certificate(tmp_path, "127.0.0.1")
    await refused(download, tmp_path, "self-signed certificate")


async def refused(download: Download, folder: Path, reason: str) -> None:
    async with serve_tls(folder) as url:
        with pytest.raises(ConnectionFailed) as error:
            await download.fetch(url)
    assert message_for(error.value) == f"the certificate of 127.0.0.1 was not accepted: {reason}"
    assert not error.value.transient
    assert not download.part.exists()
