"""A person reads why a download failed, and reads no secret."""

import asyncio
import errno
import os
import socket
from pathlib import Path

import pytest

from tests.fetching import Download
from tests.scripted_server import Server, raw
from workers.disk.publish import open_folder
from workers.error_messages import MAX_REASON_CHARS, message_for
from workers.errors import ConnectionFailed, DownloadFailed, HTTPStatusError, IncompleteBody, UnexpectedContentEncoding


async def failure(download: Download, url: str) -> str:
    with pytest.raises(DownloadFailed) as caught:
        await download.fetch(url)
    return message_for(caught.value)


async def test_a_refused_connection(download: Download) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        told = await failure(download, f"http://kim:hunter2@127.0.0.1:{port}/f?token=s3cr3t")
    assert told == f"the connection was refused (127.0.0.1, port {port})"


async def test_a_private_address(download: Download) -> None:
    assert await failure(download, "http://10.0.0.1/f") == (
        "the address 10.0.0.1 is private; only public addresses are downloaded from, "
        "unless SIMULCAST_ALLOW_NETWORKS names their network"
    )


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (socket.EAI_NONAME, "the name example.invalid could not be resolved"),
        (socket.EAI_AGAIN, "the name example.invalid could not be resolved: the name server did not answer"),
    ],
)
async def test_a_name_that_is_not_resolved(
    download: Download, monkeypatch: pytest.MonkeyPatch, code: int, told: str
) -> None:
    def fail(*_: object) -> None:
        raise socket.gaierror(code, "whatever")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert await failure(download, "http://example.invalid/f") == told


async def test_a_server_that_does_not_speak_tls(download: Download) -> None:
    async def answer_in_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer_in_plain, "127.0.0.1", 0) as plain:
        port = plain.sockets[0].getsockname()[1]
        told = await failure(download, f"https://127.0.0.1:{port}/f")
    assert told == "no secure connection to 127.0.0.1: wrong version number"


async def test_a_server_that_hangs_up(server: Server, download: Download) -> None:
    told = await failure(download, server.at("/f", raw(b"")))
    assert told == "the server closed the connection without an answer"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (HTTPStatusError(404), "the server answered 404 Not Found"),
        (IncompleteBody(100, 200), "the server sent 100 of 200 bytes and closed the connection"),
        (IncompleteBody(100, None), "the server sent 100 bytes and closed the connection"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk quota is used up"),
        (PermissionError(errno.EACCES, "x", "/secret"), "the worker may not write into the download folder"),
        (OSError(errno.EXDEV, "x"), "the folder is on another mount than the download folder: choose another one"),
        (OSError(errno.ENOTTY, "odd"), "the file could not be written"),
        (OSError("odd"), "the file could not be written"),
        (TimeoutError(), "it took too long"),
        (KeyError("s3cr3t"), "the worker met an unexpected error (KeyError); its log has more"),
    ],
)
def test_an_error_is_put_into_words(error: BaseException, told: str) -> None:
    assert message_for(error) == told


def test_an_unwritable_folder_keeps_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(Exception, match="can't write") as caught:
        open_folder(tmp_path)
    assert "SIMULCAST_DOWNLOAD_DIR" in message_for(caught.value)


def test_a_reason_is_one_visible_line_of_bounded_length() -> None:
    told = message_for(ConnectionFailed("evil\u202e\r\n\x1b[2J" + "x" * 1000))
    assert len(told) == MAX_REASON_CHARS and told.endswith("…")
    assert told.isprintable()
    assert message_for(UnexpectedContentEncoding("gz\u202eip\n" + "x" * 1000)).isprintable()
