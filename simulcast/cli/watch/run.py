"""`simulcast watch`: events live in the terminal. It comes back after a loss and recovers what it missed."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from rich.console import Console
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from simulcast.cli.errors import ServiceUnavailable, TokenRefused, first_user_error
from simulcast.cli.service.address import ServiceAddress
from simulcast.cli.service.failures import explain_failure, read_detail
from simulcast.cli.service.rest_client import RestClient
from simulcast.cli.service.token import REMEDY, check_token, read_token
from simulcast.cli.watch.job_table import JobTable, clean
from simulcast.cli.watch.screen import Bars, JsonLines, PlainLines, Screen
from simulcast.errors import CommandError
from simulcast.gateway import ConnectionState, Gateway
from simulcast.gateway.reconnect_policy import TOKEN_CLOSE_CODES, close_of
from simulcast.model.close_codes import Stop
from simulcast.store.url import redacted_url

RECONNECT_DELAY_S = 5.0
_PROBE_TIMEOUT_S = 5.0
_Argument = TypeVar("_Argument")


async def watch(url: str, token: str, channels: Sequence[str] = (), *, as_json: bool = False) -> None:
    """Show events until cancelled. `token`: "" for none, @file: its content. Raises CommandError as `follow` does."""
    address = ServiceAddress.parse(url)
    url = with_channels(address.websocket.url, channels)
    check_token(address, token)
    if not token and address.websocket.uri.user_info is None:
        await check_openness(address)
    logging.getLogger("simulcast.gateway").addHandler(logging.NullHandler())  # the status shows it
    table, console = JobTable(), Console()
    if as_json or not console.is_terminal:
        await follow(url, token, table, JsonLines() if as_json else PlainLines())
        return
    bars = Bars(table, console)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(bars.run(), name="drawing")
            await follow(url, token, table, bars)
    except BaseExceptionGroup as failures:
        raise first_user_error(failures) from failures


def with_channels(url: str, channels: Sequence[str]) -> str:
    """Return the URL with the channels in its query."""
    parts = urlsplit(url)
    pairs = [*filter(None, [parts.query]), *(f"channel={quote(channel, safe='')}" for channel in channels)]
    return urlunsplit(parts._replace(query="&".join(pairs)))


async def check_openness(address: ServiceAddress) -> None:
    """Raise CommandError where a token is wanted, which a WebSocket says only after 10 s. Without an answer, return."""
    client = RestClient(address, "")
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            response = await client.request("HEAD", "/events")
    except (CommandError, TimeoutError):
        return  # the attempts to connect name the reason
    finally:
        client.close()
    if response.status == 401:
        raise TokenRefused(f"{address} requires a token{REMEDY}")


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
        screen.line(table.apply(text), text)

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
                is_token = close.code in TOKEN_CLOSE_CODES
                remedy = REMEDY if close.code == Stop.BAD_TOKEN else ""
                reason = f"the server closed the connection: {clean(close.reason)} ({close.code}){remedy}"
                raise (TokenRefused if is_token else CommandError)(reason)
            return f"lost {place}"
        case InvalidStatus(response=response):
            status = response.status_code
            if status >= 500 or status == 429:
                return f"{place} is not ready ({status})"
            body = bytes(response.body or b"")
            reason = read_detail(body) or clean(body.decode(errors="replace").strip())
            if "Location" in response.headers:
                reason = f"it redirects to {clean(redacted_url(response.headers['Location']))}, give that with --url"
            remedy = REMEDY if status == 401 else ""
            text = f"{place} refuses ({status}): {reason or 'is the path right? It usually is /ws'}{remedy}"
            raise (TokenRefused if status in (401, 403) else CommandError)(text)
        case InvalidHandshake() as error:
            return f"{place} does not speak WebSocket ({error})"
        case Exception(__cause__=CommandError() as error):  # of read_token
            raise error
        case None:
            return f"lost {place}"
        case error:
            explained = explain_failure(error, place)
            if not isinstance(explained, ServiceUnavailable):
                raise explained
            return str(explained)
