"""`simulcast watch`: events live in the terminal. It comes back after a loss and recovers what it missed."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from rich.console import Console
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from simulcast.cli.errors import first_user_error
from simulcast.cli.watch.job_table import JobTable, clean
from simulcast.cli.watch.screen import Bars, PlainLines, Screen
from simulcast.errors import CommandError
from simulcast.gateway import ConnectionState, Gateway
from simulcast.gateway.reconnect_policy import close_of
from simulcast.model.close_codes import Stop
from simulcast.store.url import redacted_url

RECONNECT_DELAY_S = 5.0
_REMEDY = "; set SIMULCAST_TOKEN to what `simulcast token --scope watch` prints where the service runs, or give --token"
_Argument = TypeVar("_Argument")


async def watch(url: str, token: str) -> None:
    """Show events until cancelled. `token`: "" for none, @file: its content. Raises CommandError as `follow` does."""
    validate_url(url)
    logging.getLogger("simulcast.gateway").addHandler(logging.NullHandler())  # the status shows it
    table, console = JobTable(), Console()
    if not console.is_terminal:
        await follow(url, token, table, PlainLines())
        return
    bars = Bars(table, console)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(bars.run(), name="drawing")
            await follow(url, token, table, bars)
    except BaseExceptionGroup as failures:
        raise first_user_error(failures) from failures


def validate_url(url: str) -> None:
    """Raise CommandError unless it is the URL of a WebSocket; it names the URL that was probably meant."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            scheme = "wss" if parts.scheme == "https" else "ws"
            guess = parts._replace(scheme=scheme, path=parts.path.rstrip("/") or "/ws").geturl()
            raise CommandError(f"--url {redacted_url(url)} is a web page: give {redacted_url(guess)}")
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise CommandError(f"--url {redacted_url(url)} is no WebSocket: it looks like ws://localhost:8080/ws")
        Gateway(url=url)
    except ValueError as error:
        raise CommandError(f"--url {redacted_url(url)}: {error}") from error


async def follow(
    url: str, token: str, table: JobTable, screen: Screen, reconnect_delay_s: float = RECONNECT_DELAY_S
) -> None:
    """Show events and the state of the connection until cancelled. Raises CommandError where waiting mends nothing."""
    failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ending(show: Callable[[_Argument], None]) -> Callable[[_Argument], None]:
        """Let an error of a callback, which the Gateway would log, end the command."""

        def show_or_end(argument: _Argument) -> None:
            try:
                show(argument)
            except Exception as error:
                if not failure.done():
                    failure.set_exception(error)

        return show_or_end

    def show_message(text: str) -> None:
        screen.line(table.apply(text))

    def show_state(state: ConnectionState) -> None:
        if state.phase == "connected":
            screen.status(f"connected to {redacted_url(url)}")
        elif state.error is not None:
            reason = explain_loss(state, url)
            if state.retry_s > 0:  # a token that expired is read again immediately
                screen.status(f"{reason}: trying again in {state.retry_s:.0f} s")

    gateway = Gateway(
        url=url,
        token=(lambda: read_token(token)) if token else None,
        on_websocket_message=ending(show_message),
        on_state_change=ending(show_state),
        reconnect_delay_s=reconnect_delay_s,
    )
    async with gateway:
        await failure


def explain_loss(state: ConnectionState, url: str) -> str:
    """Return the reason of a loss. Raises CommandError where another attempt mends nothing."""
    place = redacted_url(url)
    match state.error:
        case ConnectionClosed() as closed:
            close = close_of(closed)
            if state.phase == "refused":
                remedy = _REMEDY if close.code == Stop.BAD_TOKEN else ""
                raise CommandError(f"the server closed the connection: {clean(close.reason)} ({close.code}){remedy}")
            return f"lost {place}"
        case InvalidStatus(response=response):
            status = response.status_code
            if status >= 500:
                return f"{place} is not ready ({status})"
            reason = clean(bytes(response.body or b"").decode(errors="replace").strip())
            if "Location" in response.headers:
                reason = f"it redirects to {clean(redacted_url(response.headers['Location']))}, give that with --url"
            remedy = _REMEDY if status == 401 else ""
            raise CommandError(
                f"{place} refuses ({status}): {reason or 'is the path right? It usually is /ws'}{remedy}"
            )
        case InvalidHandshake() as error:
            return f"{place} does not speak WebSocket ({error})"
        case Exception(__cause__=CommandError() as error):  # of read_token
            raise error
        case _:
            return f"no server at {place} (start one with `simulcast up`)"


def read_token(token: str) -> str:
    """Return the token, from its file where it begins with @. Raises CommandError, which doesn't repeat it."""
    if token.startswith("@"):
        try:
            token = Path(token[1:]).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise CommandError(f"--token {token} can't be read: name a file with a token in it") from error
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CommandError(f"--token is no token: it has no spaces and no other letters than those of ASCII{_REMEDY}")
    return token
