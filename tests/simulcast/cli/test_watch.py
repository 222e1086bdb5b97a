import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from simulcast.cli.watch.job_table import JobTable, Line
from simulcast.cli.watch.run import follow
from simulcast.cli.watch.screen import Bars
from simulcast.errors import CommandError
from tests.conditions import until
from tests.ports import free_port

Handler = Callable[[ServerConnection], Awaitable[None]]


class Recorded:
    """A screen that remembers."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.statuses: list[str] = []

    def line(self, line: Line, message: str) -> None:
        self.lines.append(line)

    def status(self, text: str) -> None:
        self.statuses.append(text)


@asynccontextmanager
async def following(url: str, screen: Recorded, token: str = "") -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(follow(url, token, JobTable(), screen, reconnect_delay_s=0.01))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def server(handler: Handler, refusal: HTTPStatus | None = None) -> AsyncIterator[str]:
    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(refusal, "not from there\n") if refusal else None

    async with serve(handler, "127.0.0.1", 0, process_request=refuse) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/ws"


async def test_it_comes_back_after_a_loss_and_says_where_it_stopped() -> None:
    paths: list[str] = []

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        paths.append(connection.request.path)
        await connection.send(f'{{"event_id":"9-{len(paths)}","type":"download_queued","download_id":"a"}}')
        if len(paths) == 1:
            connection.transport.abort()
        else:
            await connection.wait_closed()

    screen = Recorded()
    async with server(handle) as url, following(url, screen):
        await until(lambda: len(screen.lines) == 2, "two events")
    assert paths == ["/ws", "/ws?since=9-1"]
    assert screen.statuses == [f"connected to {url}", f"lost {url}: trying again in 0 s", f"connected to {url}"]


async def test_it_waits_for_a_server_that_isnt_there_yet() -> None:
    screen = Recorded()
    async with following(f"ws://127.0.0.1:{free_port()}/ws", screen):
        await until(lambda: len(screen.statuses) > 2, "some attempts")
    assert "start one with `simulcast up`" in screen.statuses[0]


async def test_it_waits_for_a_server_that_is_not_ready() -> None:
    screen = Recorded()
    async with server(lambda _: asyncio.sleep(0), HTTPStatus.SERVICE_UNAVAILABLE) as url, following(url, screen):
        await until(lambda: len(screen.statuses) > 2, "some attempts")
    assert screen.statuses[0] == f"{url} is not ready (503): trying again in 0 s"


async def test_a_refusal_ends_it_with_what_the_server_said() -> None:
    async with server(lambda _: asyncio.sleep(0), HTTPStatus.FORBIDDEN) as url, following(url, Recorded()) as task:
        with pytest.raises(CommandError, match=r"refuses \(403\): not from there"):
            await asyncio.wait_for(asyncio.shield(task), 20)


async def test_a_redirect_is_not_followed_and_names_its_target() -> None:
    def redirect(connection: ServerConnection, request: Request) -> Response | None:
        response = connection.respond(HTTPStatus.MOVED_PERMANENTLY, "")
        response.headers["Location"] = "wss://example.com/"
        return response

    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=redirect) as running:
        url = f"ws://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}/ws"
        with pytest.raises(CommandError, match=r"\(301\): it redirects to wss://example.com/, give that with --url"):
            await asyncio.wait_for(follow(url, "", JobTable(), Recorded()), 20)


async def test_an_output_that_is_gone_ends_it() -> None:
    class Closed(Recorded):
        def line(self, line: Line, message: str) -> None:
            raise BrokenPipeError

    async def handle(connection: ServerConnection) -> None:
        await connection.send("text")
        await connection.wait_closed()

    async with server(handle) as url, following(url, Closed()) as task:
        with pytest.raises(BrokenPipeError):
            await asyncio.wait_for(asyncio.shield(task), 20)


async def test_a_close_that_says_change_something_ends_it() -> None:
    async def handle(connection: ServerConnection) -> None:
        await connection.close(4400, "no such channel")

    async with server(handle) as url, following(url, Recorded()) as task:
        with pytest.raises(CommandError, match=r"no such channel \(4400\)"):
            await asyncio.wait_for(asyncio.shield(task), 20)


async def test_a_token_is_read_anew_when_it_expired_and_one_that_stays_is_refused(tmp_path: Path) -> None:
    shown: list[str] = []
    file = tmp_path / "token"
    file.write_text("first\n")

    def check(connection: ServerConnection, request: Request) -> Response | None:
        shown.append(request.headers.get("Authorization", ""))
        return connection.respond(HTTPStatus.UNAUTHORIZED, "the token has expired\n") if len(shown) > 2 else None

    async def handle(connection: ServerConnection) -> None:
        file.write_text("second\n")
        await connection.close(4419, "the token has expired")

    screen = Recorded()
    async with serve(handle, "127.0.0.1", 0, process_request=check) as running:
        url = f"ws://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}/ws"
        async with following(url, screen, f"@{file}") as task:
            with pytest.raises(CommandError, match=r"expired; set SIMULCAST_TOKEN .*simulcast token") as told:
                await asyncio.wait_for(asyncio.shield(task), 20)
    assert shown == ["Bearer first", "Bearer second", "Bearer second"]
    assert screen.statuses[:2] == [f"connected to {url}"] * 2  # without a pause, unlike the second expiry
    assert "second" not in str(told.value)


async def test_without_a_token_none_is_shown_and_what_to_do_is_told() -> None:
    shown: list[str | None] = []

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        shown.append(connection.request.headers.get("Authorization"))
        await connection.close(4401, "no token came within 10 s: send one first")

    async with server(handle) as url, following(url, Recorded()) as task:
        with pytest.raises(CommandError, match=r"no token came .* \(4401\); set SIMULCAST_TOKEN"):
            await asyncio.wait_for(asyncio.shield(task), 20)
    assert shown == [None]


@pytest.mark.parametrize("token", ["two words", "zwölf", "a\r\nb", "@/nowhere/token"])
async def test_what_can_be_no_token_is_told_before_a_connection_is_made(token: str) -> None:
    url = f"ws://127.0.0.1:{free_port()}/ws"
    with pytest.raises(CommandError, match=r"^--token "):
        await asyncio.wait_for(follow(url, token, JobTable(), Recorded()), 20)


async def test_bars_show_one_row_a_download_and_as_many_as_fit() -> None:
    board, drawn = JobTable(), io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=100, height=10, color_system=None, legacy_windows=False)
    bars = Bars(board, console)
    for number in range(12):
        board.apply(
            f'{{"type":"download_progress","download_id":"{number}","progress":0.5,"speed":1000,'
            f'"name":"[b]file-{number}","received_bytes":60000,"total_bytes":120000}}'
        )
    bars.status("connected")
    drawing = asyncio.create_task(bars.run())
    await until(lambda: "connected" in drawn.getvalue(), "the first drawing")
    bars.line(Line("complete", "z", "done [bold]", lasting=True), "")
    bars.line(Line("progress", "z", "not told", lasting=False), "")
    drawing.cancel()
    await asyncio.wait([drawing])
    text = drawn.getvalue()
    assert "[b]file-6" in text and "file-7" not in text and "… and 5 more" in text
    assert "50%" in text and "1.0 kB/s" in text and "1:00" in text
    assert "done [bold]" in text and "not told" not in text


async def test_jobs_of_other_kinds_have_no_speed_in_their_row() -> None:
    board, drawn = JobTable(), io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=120, height=10, color_system=None, legacy_windows=False)
    board.apply(
        '{"type":"job_progress","job_id":"a","name":"Holiday","progress":0.5,"done":5,"total":10,"unit":"[b]x"}'
    )
    bars = Bars(board, console)
    bars.status("connected")
    drawing = asyncio.create_task(bars.run())
    await until(lambda: "connected" in drawn.getvalue(), "the first drawing")
    drawing.cancel()
    await asyncio.wait([drawing])
    assert "50%" in drawn.getvalue() and "5 / 10 [b]x" in drawn.getvalue() and "B/s" not in drawn.getvalue()
