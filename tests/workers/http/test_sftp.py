"""SFTP against asyncssh's own server: the right bytes, also after a break, and no server that holds up others."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import asyncssh
import pytest

from tests.fetching import LOCAL, Download
from tests.scripted_server import Server, honest
from workers.errors import AddressRefused, ConnectError, ConnectionFailed, IncompleteBody, InvalidURL
from workers.http.client import Client
from workers.transfer.fetch import Fetched

CONTENT = random.Random(43).randbytes(3_000_000)
SCHEMES = ("http", "sftp")


class _Login(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("kim", "p@ss")


class _Files(asyncssh.SFTPServer):
    """`cut_at`: the byte from which on the next connection is dropped. `starts`: the offsets that were read."""

    cut_at: int | None = None
    starts: ClassVar[list[int]] = []
    opened: ClassVar[list[Any]] = []  # which asyncssh leaves open after a connection that was dropped

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        super().__init__(channel)
        self._ssh = channel.get_connection()

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        file = super().open(path, pflags, attrs)
        _Files.opened.append(file)
        return file

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        _Files.starts.append(offset)
        if _Files.cut_at is not None and offset >= _Files.cut_at:
            _Files.cut_at = None
            self._ssh.abort()
        read = super().read(file_obj, offset, min(size, 20_000))  # a server may send less than it was asked for
        return bytes(read) if isinstance(read, bytes) else await read


@dataclass
class SSH:
    """A server of `path`, of which `known` knows the key."""

    port: int
    path: Path
    known: Path

    @property
    def url(self) -> str:
        return f"sftp://kim:p%40ss@127.0.0.1:{self.port}{self.path}"

    async def fetch(self, part: Path, **changes: object) -> Fetched:
        async with Client(LOCAL, schemes=SCHEMES, sftp_known_hosts=self.known) as client:
            return await Download(client, part, **changes).fetch(self.url)  # type: ignore[arg-type]


@pytest.fixture
async def ssh(tmp_path: Path) -> AsyncIterator[SSH]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    path, known = tmp_path / "a file?.bin", tmp_path / "known_hosts"
    path.write_bytes(CONTENT)
    _Files.starts, _Files.cut_at = [], None
    async with asyncssh.listen(
        "127.0.0.1", 0, server_factory=_Login, server_host_keys=[key], sftp_factory=_Files
    ) as server:
        port = server.get_port()
        known.write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
        yield SSH(port, Path(str(path).replace(" ", "%20").replace("?", "%3F")), known)
    while _Files.opened:
        _Files.opened.pop().close()


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "file.part.1-a"


async def test_sftp_brings_the_right_bytes_and_the_files_time(ssh: SSH, part: Path, tmp_path: Path) -> None:
    fetched = await ssh.fetch(part)
    assert part.read_bytes() == CONTENT
    assert (fetched.size, fetched.source.name) == (len(CONTENT), "a file_.bin")
    assert int(part.stat().st_mtime) == int((tmp_path / "a file?.bin").stat().st_mtime)


async def test_sftp_continues_where_it_broke_off(ssh: SSH, part: Path, tmp_path: Path) -> None:
    os.utime(tmp_path / "a file?.bin", (1_600_000_000, 1_600_000_000))
    async with Client(LOCAL, schemes=SCHEMES, sftp_known_hosts=ssh.known) as client:
        download, _Files.cut_at = Download(client, part), 1_500_000
        with pytest.raises(IncompleteBody):
            await download.fetch(ssh.url)
        have, _Files.starts = part.stat().st_size, []
        assert have > 900_000
        await download.fetch(ssh.url)
    assert (part.read_bytes(), min(_Files.starts)) == (CONTENT, have)


async def test_an_empty_file_comes_by_sftp(ssh: SSH, part: Path, tmp_path: Path) -> None:
    (tmp_path / "a file?.bin").write_bytes(b"")
    assert (await ssh.fetch(part)).size == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("known", Path("/dev/null")), "SIMULCAST_SFTP_KNOWN_HOSTS has no such key of 127.0.0.1"),
        (("known", Path("/no/such/keys")), "SIMULCAST_SFTP_KNOWN_HOSTS names no file of keys"),
        (("known", Path(__file__)), "SIMULCAST_SFTP_KNOWN_HOSTS names no file of keys"),
        (("known", None), "set SIMULCAST_SFTP_KNOWN_HOSTS"),
        (("path", Path("/no/such/file")), "the server has no such file"),
    ],
)
async def test_what_sftp_lacks_is_a_clear_reason(
    ssh: SSH, part: Path, change: tuple[str, Path | None], reason: str
) -> None:
    setattr(ssh, *change)
    with pytest.raises(ConnectionFailed, match=reason) as error:
        await ssh.fetch(part)
    assert not error.value.transient


async def test_a_wrong_password_of_sftp_is_a_clear_reason(ssh: SSH, part: Path) -> None:
    async with Client(LOCAL, schemes=SCHEMES, sftp_known_hosts=ssh.known) as client:
        with pytest.raises(ConnectionFailed, match="refused the user or the password"):
            await Download(client, part).fetch(ssh.url.replace("p%40ss", "wrong"))


async def test_the_address_of_an_sftp_server_is_judged_before_it_is_reached(ssh: SSH, part: Path) -> None:
    for host in ("127.0.0.1", "localhost", "2130706433"):
        async with Client((), schemes=SCHEMES, sftp_known_hosts=ssh.known) as client:
            with pytest.raises(AddressRefused):
                await Download(client, part).fetch(ssh.url.replace("127.0.0.1", host))


async def test_an_sftp_server_that_hangs_delays_no_other_download(server: Server, part: Path, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text("")
    async with Server() as hung:  # it waits for a request of HTTP
        url = f"sftp://127.0.0.1:{hung.port}/f"
        async with Client(LOCAL, schemes=SCHEMES, connect_timeout_s=3.0, sftp_known_hosts=known) as client:
            waiting = asyncio.create_task(Download(client, part).fetch(url))
            other = Download(client, tmp_path / "other.part.1-a")
            for _ in range(20):
                await other.fetch(server.at("/f", honest(CONTENT)))
            assert not waiting.done()
            with pytest.raises(ConnectError):
                await waiting


async def test_sftp_is_spoken_only_where_the_operator_allows_it(download: Download) -> None:
    with pytest.raises(InvalidURL, match="only http and https URLs"):
        await download.fetch("sftp://kim@127.0.0.1/f")


async def test_a_folder_by_sftp_is_a_clear_reason(ssh: SSH, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSH opens a folder as if it were a file, others refuse that."""
    ssh.path = ssh.path.parent
    with pytest.raises(ConnectionFailed, match="a folder") as error:
        await ssh.fetch(part)
    descriptor = os.open(ssh.path, os.O_RDONLY)
    opened = SimpleNamespace(fileno=lambda: descriptor, flush=lambda: None, close=lambda: None)
    monkeypatch.setattr(_Files, "open", lambda *_: opened)
    with pytest.raises(ConnectionFailed, match="a folder") as other:
        await ssh.fetch(part)
    os.close(descriptor)
    assert not error.value.transient and not other.value.transient
