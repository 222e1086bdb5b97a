"""The embedded server of `simulcast up`: a real Valkey as a supervised child process.

It keeps its data in an append-only file and ends when its parent dies. Ctrl-C doesn't reach it while other processes
still drain. No second server can start on its folder while it runs.

The user `simulcast` has all rights; its password is new at each start and stands in `<data>/redis.url` (mode 0600).
The default user, as of a plain `redis-cli`, may only PUBLISH to `simulcast:*`: delivered live, unable to forge a
position.
"""

import asyncio
import fcntl
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

import redis

from simulcast.errors import CommandError, EmbeddedServerError
from simulcast.launcher.parent_death import with_parent_death_guard
from simulcast.launcher.sockets import listen_on_one
from simulcast.launcher.supervisor import stop_process
from simulcast.settings.redis import URL_FILE
from simulcast.store.connection import connect

START_TIMEOUT_S = 10.0  # until the first reply, or since the last reply that it still loads its data
LOAD_TIMEOUT_S = 600.0
STOP_TIMEOUT_S = 10.0
LOCK_TIMEOUT_S = 2.0  # a server whose parent was killed needs a moment to end
MAX_RESTARTS, RESTART_WINDOW_S = 5, 60.0
MAX_SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103  # sun_path of unix(7) without the final NUL
MAX_LOG_BYTES = 1 << 20
_USER = "simulcast"
_log = logging.getLogger("simulcast.embedded")


class EmbeddedServer:
    """One server with the folder `data`. `ports`: loopback TCP ports to try in turn; 0 is any free one."""

    def __init__(self, data: Path, binary: Path, ports: Sequence[int] = (0,)) -> None:
        self.data = data.expanduser().resolve()
        self.port = 0
        self._binary = binary
        self._ports = tuple(ports)
        self._password = secrets.token_hex(16)
        self._socket = self.data / "valkey.sock"
        self._private_folder: Path | None = None
        self._lock: int | None = None
        self._log_begins = 0
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def url(self) -> str:
        """The address for processes of this machine, with password and an absolute path."""
        return f"unix://{_USER}:{self._password}@{quote(str(self._socket))}?db=0"

    @property
    def tcp_url(self) -> str:
        """The address by TCP for redis-cli, with password."""
        return f"redis://{_USER}:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Return when the server answers; call it from the main thread. On EmbeddedServerError nothing is left."""
        self._stopping = False
        try:
            self._prepare_folder()
            lock = self._lock = await self._take_lock()
            self._choose_socket()
            await self._launch_on_a_port(lock)
            self._write_url()
        except OSError as error:
            await self.stop()
            raise EmbeddedServerError(
                f"can't keep data in {self.data} as user {os.getuid()}: {error.strerror} ({error.filename}). "
                "Make it writable, or choose another folder with --data"
            ) from error
        except BaseException:
            await self.stop()
            raise
        _log.info("%s serves redis://127.0.0.1:%d, its data in %s", self._binary.name, self.port, self.data)

    async def supervise(self) -> None:
        """Restart the server when it dies, until `stop`.

        Raises EmbeddedServerError when it died MAX_RESTARTS times within RESTART_WINDOW_S.
        """
        loop = asyncio.get_running_loop()
        deaths: deque[float] = deque(maxlen=MAX_RESTARTS)
        while self._process is not None and self._lock is not None:
            code = await self._process.wait()
            if self._stopping:
                return
            deaths.append(loop.time())
            if len(deaths) == MAX_RESTARTS and deaths[-1] - deaths[0] < RESTART_WINDOW_S:
                raise EmbeddedServerError(f"the embedded server died {MAX_RESTARTS} times in a row{self._log_tail()}")
            _log.error("the embedded server died (exit code %d): restarting it", code)
            await asyncio.sleep(0.1 * 2 ** (len(deaths) - 1))
            if self._stopping:
                return
            try:
                await self._launch(self._lock)
                _log.info("the embedded server runs again")
            except (EmbeddedServerError, OSError) as error:  # counts as one more death
                _log.error("the embedded server could not be restarted: %s", error)

    async def stop(self) -> None:
        """Stop the server by SIGTERM, after STOP_TIMEOUT_S by SIGKILL. Its data is in its file."""
        self._stopping = True
        if self._lock is not None:
            (self.data / URL_FILE).unlink(missing_ok=True)
        await self._end_process()
        if self._lock is not None:
            self._socket.unlink(missing_ok=True)
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None
        if self._private_folder is not None:
            shutil.rmtree(self._private_folder, ignore_errors=True)

    def _prepare_folder(self) -> None:
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.data.stat()
        if status.st_mode & 0o077 and status.st_uid == os.getuid() and not any(self.data.iterdir()):
            self.data.chmod(0o700)
        elif status.st_mode & 0o022:
            raise EmbeddedServerError(
                f"other users may write in {self.data}: chmod go-w it, or choose another folder with --data"
            )
        log = self.data / "valkey.log"
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))

    async def _take_lock(self) -> int:
        """Lock the folder. The lock holds while any process has its descriptor open, and the server inherits it."""
        lock = self._open_private("valkey.lock", os.O_RDWR | os.O_CREAT)
        with ExitStack() as on_failure:
            on_failure.callback(os.close, lock)
            for _ in range(1 + round(LOCK_TIMEOUT_S / 0.05)):
                with suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    on_failure.pop_all()
                    return lock
                await asyncio.sleep(0.05)
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            raise EmbeddedServerError(
                f"another Simulcast uses {self.data} (its server is process {holder}): "
                "stop it, or choose another folder with --data"
            )

    def _open_private(self, name: str, flags: int) -> int:
        return os.open(self.data / name, flags | os.O_CLOEXEC, 0o600)

    def _choose_socket(self) -> None:
        if len(os.fsencode(self._socket)) > MAX_SOCKET_PATH_BYTES or not str(self._socket).isprintable():
            self._private_folder = Path(tempfile.mkdtemp(prefix="simulcast-", dir="/tmp"))
            self._socket = self._private_folder / "valkey.sock"

    async def _launch_on_a_port(self, lock: int) -> None:
        free = [port for port in map(_free_port, self._ports) if port]
        for self.port in free:
            try:
                return await self._launch(lock)
            except EmbeddedServerError:  # another process may have taken the port meanwhile
                if self.port == free[-1]:
                    raise
        raise EmbeddedServerError(f"port {self._ports[-1]} of 127.0.0.1 is taken: give the embedded server another one")

    async def _launch(self, lock: int) -> None:
        """Return when the server answers. On EmbeddedServerError the process has ended."""
        self._socket.unlink(missing_ok=True)
        with self._open_log() as log, tempfile.TemporaryFile() as configuration:
            configuration.write(self._configuration())
            configuration.seek(0)
            self._log_begins = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *with_parent_death_guard([self._binary, "-"], signal.SIGTERM),
                stdin=configuration,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
                umask=0o077,
            )
        with suppress(OSError):  # the disk may be full
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{self._process.pid}\n".encode(), 0)
        try:
            await self._wait_until_serving(self._process)
        except BaseException:
            await self._end_process()
            raise

    def _configuration(self) -> bytes:
        """The configuration for its standard input: every user could read a password on its command line."""
        lines = (
            f"port {self.port}",
            "bind 127.0.0.1",
            f"unixsocket {_quote(self._socket)}",
            "unixsocketperm 700",
            f"dir {_quote(self.data)}",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",  # full memory refuses writes; eviction would lose jobs in silence
            f"user {_USER} on >{self._password} ~* &* +@all",
            "user default on nopass resetkeys resetchannels &simulcast:* -@all +publish +ping +auth +hello +quit",
        )
        return "".join(f"{line}\n" for line in lines).encode()

    def _open_log(self) -> IO[bytes]:
        return os.fdopen(self._open_private("valkey.log", os.O_RDWR | os.O_CREAT | os.O_APPEND), "ab+")

    def _log_tail(self) -> str:
        with self._open_log() as log:
            log.seek(max(self._log_begins, log.tell() - 2000))
            lines = log.read().decode(errors="replace").splitlines()[-5:]
        return "".join(["; its log ends with", *(f"\n  {line}" for line in lines)]) if lines else "; its log is empty"

    async def _wait_until_serving(self, process: asyncio.subprocess.Process) -> None:
        loop = asyncio.get_running_loop()
        loaded_by = loop.time() + LOAD_TIMEOUT_S
        client = connect(self.url, max_connections=1)
        try:
            async with asyncio.timeout(START_TIMEOUT_S) as deadline:
                while process.returncode is None:
                    try:
                        await client.ping()
                    except redis.exceptions.BusyLoadingError:
                        deadline.reschedule(min(loop.time() + START_TIMEOUT_S, loaded_by))
                    except (redis.ConnectionError, redis.TimeoutError):
                        pass
                    else:
                        return
                    await asyncio.sleep(0.01)
            raise EmbeddedServerError(f"the embedded server ended immediately{self._log_tail()}")
        except TimeoutError:
            raise EmbeddedServerError(f"the embedded server doesn't answer{self._log_tail()}") from None
        finally:
            await client.aclose()

    async def _end_process(self) -> None:
        if self._process is not None:
            await stop_process(self._process, "the embedded server", STOP_TIMEOUT_S)

    def _write_url(self) -> None:
        new = self.data / f"{URL_FILE}.new"
        new.unlink(missing_ok=True)
        with os.fdopen(self._open_private(new.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
            file.write(self.tcp_url + "\n")
        new.replace(self.data / URL_FILE)


def _free_port(port: int) -> int:
    """Return the port, or any free one for 0; return 0 for a taken port."""
    with suppress(CommandError), listen_on_one("127.0.0.1", port) as probe:
        return int(probe.getsockname()[1])
    return 0


def _quote(path: Path) -> str:
    """Escape each byte of the path for the server's configuration."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in os.fsencode(path)) + '"'
