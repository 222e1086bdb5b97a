"""A file by SFTP, by asyncssh: libcurl waits for an SFTP server in the loop's own thread."""

import asyncio
import socket
import stat
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from urllib.parse import unquote_to_bytes

import asyncssh

from workers.block import Block
from workers.errors import AddressRefused, ConnectError, ConnectionFailed, DownloadFailed, RangeRefused, ReadTimeout
from workers.http.address_filter import Networks, refusal
from workers.http.headers import Headers
from workers.http.url import URL

asyncssh.set_log_level("WARNING")  # it notes each connection otherwise

_PIECE_BYTES = 32 * 1024
_PIECES = 16  # are requested before the first of them is there


class SFTPFile:
    """As exchange.Exchange, whose answer is the file's own size and time. Bound: _PIECES pieces."""

    def __init__(
        self, url: URL, ssh: asyncssh.SSHClientConnection, file: asyncssh.SFTPClientFile, silence_s: float
    ) -> None:
        self.url = url
        self.status = 200
        self.headers = Headers()
        self.failure: DownloadFailed | None = None
        self.silence_s = silence_s
        self._ssh = ssh
        self._file = file
        self._pieces: deque[asyncio.Task[bytes]] = deque()
        self._block = Block()

    async def begin(self, start: int) -> None:
        """Read from `start` on. Raises RangeRefused where the file is shorter, and ConnectionFailed for a folder."""
        facts = await self._file.stat()
        if stat.S_ISDIR(facts.permissions or 0):
            raise _folder_error()
        self._at, self._size = start, facts.size or 0
        if start > self._size:
            raise RangeRefused("the server's file has become shorter")
        modified = -1 if facts.mtime is None else int(facts.mtime)
        self.status = 206 if start else 200
        self.headers = Headers.of_file(self._size - start, modified, start or None)

    async def read(self, max_bytes: int | None = None, left: int | None = None) -> Block:
        """Return what has arrived, at most `max_bytes`; nothing at the end, where `failure` may say why."""
        while len(self._pieces) < _PIECES and self._at < self._size:
            end = min(self._at + _PIECE_BYTES, self._size)
            self._pieces.append(asyncio.create_task(self._read_piece(self._at, end), name="sftp"))
            self._at = end
        if not self._block and self._pieces:
            done, _ = await asyncio.wait([self._pieces[0]], timeout=self.silence_s)
            if not done:
                raise ReadTimeout(self.silence_s)
            try:
                self._block = Block(self._pieces.popleft().result())
            except (asyncssh.Error, OSError):
                self.failure = ConnectionFailed("the connection was lost")
        return self._block.take(max_bytes)

    async def _read_piece(self, start: int, end: int) -> bytes:
        piece = b""
        while len(piece) < end - start:
            more = await self._file.read(end - start - len(piece), start + len(piece))
            if not more:
                raise OSError("the file has become shorter")
            piece += cast(bytes, more)
        return piece

    async def wait_end(self) -> bool:
        return False

    async def discard(self, max_bytes: int) -> None:
        """Do nothing: a connection serves one file."""

    def close(self) -> None:
        """End the connection. May be called again."""
        for piece in self._pieces:
            piece.add_done_callback(lambda task: task.cancelled() or task.exception())
            piece.cancel()
        self._ssh.abort()


async def open_sftp(
    url: URL,
    addresses: Sequence[str],
    allow: Networks,
    login: tuple[str, str] | None,
    known_hosts: Path | None,
    connect_timeout_s: float,
    silence_s: float,
    start: int,
) -> SFTPFile:
    """Return the file, read from `start` on. Raises AddressRefused, ConnectionFailed and RangeRefused."""
    if known_hosts is None:
        remedy = "set SIMULCAST_SFTP_KNOWN_HOSTS to a file as ~/.ssh/known_hosts"
        raise ConnectionFailed(f"no key of an SFTP server is known: {remedy}", transient=False)
    user, password = login or ("anonymous", "")
    ssh: asyncssh.SSHClientConnection | None = None
    try:
        async with asyncio.timeout(connect_timeout_s):
            ssh = await asyncssh.connect(
                url.host.strip("[]"),
                url.port,
                sock=await _connect(addresses, url.port, allow),
                config=None,
                known_hosts=str(known_hosts),
                username=user,
                password=password,
                client_keys=None,
                agent_path=None,
                gss_host=None,
            )
            path = unquote_to_bytes(url.target)
            sftp = await ssh.start_sftp_client()
            file = SFTPFile(url, ssh, await _open(sftp, path.removeprefix(b"/~/")), silence_s)
            await file.begin(start)
            return file
    except BaseException as error:
        if ssh is not None:
            ssh.abort()
        raise _explain(error, url.host, connect_timeout_s) from None


async def _open(sftp: asyncssh.SFTPClient, path: bytes) -> asyncssh.SFTPClientFile:
    try:
        return await sftp.open(path, "rb", block_size=0)
    except asyncssh.SFTPFailure:
        if await sftp.isdir(path):
            raise _folder_error() from None
        raise


def _folder_error() -> ConnectionFailed:
    return ConnectionFailed("the URL leads to a folder, not to a file", transient=False)


async def _connect(addresses: Sequence[str], port: int, allow: Networks) -> socket.socket:
    refused: DownloadFailed | None = None
    error: OSError | None = None
    for address in addresses:
        if (reason := refusal(address, allow)) is not None:
            refused = AddressRefused(address, reason)
            continue
        connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, (address, port))
        except BaseException as failure:
            connection.close()
            if not isinstance(failure, OSError):
                raise
            error = failure
        else:
            return connection
    raise error or refused or ConnectionFailed("no connection could be made")


def _explain(error: BaseException, host: str, connect_timeout_s: float) -> BaseException:
    match error:
        case TimeoutError():
            return ConnectError(connect_timeout_s)
        case asyncssh.HostKeyNotVerifiable():
            return ConnectionFailed(f"SIMULCAST_SFTP_KNOWN_HOSTS has no such key of {host}", transient=False)
        case asyncssh.PermissionDenied():
            return ConnectionFailed("the server refused the user or the password", transient=False)
        case asyncssh.SFTPNoSuchFile():
            return ConnectionFailed("the server has no such file", transient=False)
        case asyncssh.SFTPPermissionDenied():
            return ConnectionFailed("the server may not send the file to this user", transient=False)
        case FileNotFoundError() | ValueError():
            return ConnectionFailed("SIMULCAST_SFTP_KNOWN_HOSTS names no file of keys", transient=False)
        case asyncssh.Error() | OSError():
            return ConnectionFailed("no SFTP connection could be made")
    return error
