"""`simulcast watch`: what happens, live in the terminal; comes back after a loss and recovers what it missed."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from rich.console import Console
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException

from simulcast.cli.errors import first_user_error
from simulcast.cli.watch.download_table import DownloadTable, clean
from simulcast.cli.watch.screen import Bars, PlainLines, Screen
from simulcast.errors import CommandError
from simulcast.model.close_codes import Refresh, Stop
from simulcast.store.url import redacted_url

RECONNECT_S = 5.0
OPEN_S = 10.0
CLOSE_S = 1.0
PING_EVERY_S = PONG_WITHIN_S = 20.0
_STOP_CODES = frozenset(int(code) for code in Stop)
_REMEDY = "; set SIMULCAST_TOKEN to what `simulcast token --scope watch` prints where the service runs, or give --token"


async def watch(url: str, token: str) -> None:
    """Until cancelled. `token`: "" for none, @file: its content. Raises CommandError where waiting mends nothing."""
    checked_address(url)
    board, console = DownloadTable(), Console()
    if not console.is_terminal:
        await follow(url, token, board, PlainLines())
        return
    bars = Bars(board, console)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(bars.run(), name="drawing")
            await follow(url, token, board, bars)
    except BaseExceptionGroup as failures:
        raise first_user_error(failures) from failures


def checked_address(url: str) -> str:
    """The address of a WebSocket. Raises CommandError, with the one that was meant where that is clear."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise CommandError(f"--url {redacted_url(url)}: {error}") from error
    if parts.scheme in ("http", "https") and host:
        meant = parts._replace(scheme="wss" if parts.scheme == "https" else "ws", path=parts.path.rstrip("/") or "/ws")
        raise CommandError(f"--url {redacted_url(url)} is a web page: give {redacted_url(meant.geturl())}")
    if parts.scheme not in ("ws", "wss") or not host:
        raise CommandError(f"--url {redacted_url(url)} is no WebSocket: it looks like ws://localhost:8080/ws")
    return url


async def follow(
    url: str,
    token: str,
    board: DownloadTable,
    screen: Screen,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Connects, shows what comes, and does so again RECONNECT_S after a loss. Raises CommandError."""
    while True:
        found = await _connect(url, _headers(token), board.event_id)
        if isinstance(found, ClientConnection):
            screen.status(f"connected to {redacted_url(url)}")
            async with found:
                await _show(found, board, screen)
            if found.close_code == Refresh.TOKEN_EXPIRED:
                continue  # at once: the file may hold another one, and the same one is refused
            found = f"lost {redacted_url(url)}"
        screen.status(f"{found}: trying again in {RECONNECT_S:.0f} s")
        await pause(RECONNECT_S)


async def _connect(url: str, headers: dict[str, str], event_id: str) -> ClientConnection | str:
    """A connection that goes on after `event_id`, or why there is none now. Raises CommandError if none can be."""
    try:
        return await connect(
            _since(url, event_id),
            additional_headers=headers,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PONG_WITHIN_S,
            proxy=_proxy(url),
        )
    except InvalidStatus as error:
        status = error.response.status_code
        if 400 <= status < 500:
            said = clean(bytes(error.response.body or b"").decode(errors="replace").strip())
            remedy = _REMEDY if status == 401 else ""
            raise CommandError(
                f"{redacted_url(url)} refuses ({status}): {said or 'is the path right? It usually is /ws'}{remedy}"
            ) from error
        return f"{redacted_url(url)} is not ready ({status})"
    except InvalidHandshake as error:
        return f"{redacted_url(url)} does not speak WebSocket ({error})"
    except (OSError, WebSocketException):  # TimeoutError is an OSError
        return f"no server at {redacted_url(url)} (start one with `simulcast up`)"


async def _show(socket: ClientConnection, board: DownloadTable, screen: Screen) -> None:
    """Returns when the connection ends. Raises CommandError where the server says that coming back won't help."""
    try:
        async for message in socket:
            if isinstance(message, str):
                screen.line(board.apply(message))
    except ConnectionClosed:
        pass  # how it ended is in its close code
    if socket.close_code in _STOP_CODES:
        said = f"{clean(socket.close_reason or '')} ({socket.close_code})"
        raise CommandError(
            f"the server closed the connection: {said}{_REMEDY if socket.close_code == Stop.BAD_TOKEN else ''}"
        )


def _headers(token: str) -> dict[str, str]:
    """What shows the token. Raises CommandError, which doesn't repeat it."""
    if token.startswith("@"):
        try:
            token = Path(token[1:]).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise CommandError(f"--token {token} can't be read: name a file with a token in it") from error
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CommandError(f"--token is no token: it has no spaces and no other letters than those of ASCII{_REMEDY}")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _since(url: str, event_id: str) -> str:
    if not event_id:
        return url
    return f"{url}{'&' if '?' in url else '?'}since={quote(event_id)}"


def _proxy(url: str) -> Literal[True] | None:
    """None for this machine: a proxy that the environment names can't reach it."""
    host = urlsplit(url).hostname or ""
    try:
        own = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = False
    return None if own else True
