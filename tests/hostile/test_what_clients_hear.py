"""What a server says to our clients, whatever it is: an event's members come from whoever published it."""

import asyncio
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulcast.cli.watch.job_table import JobTable, clean
from simulcast.gateway.address import ServerAddress
from simulcast.gateway.commands import Commands
from simulcast.gateway.events import DownloadEvent, DownloadProgress, Event, parse
from simulcast.gateway.receive_buffer import ReceiveBuffer
from simulcast.gateway.resume_position import ResumePosition
from simulcast.gateway.token import TokenSource
from tests.hostile.texts import messages, text

HUGE = '{"type":"download_progress","download_id":"a","progress":' + "9" * 400 + ',"speed":1}'


@given(messages)
@example(HUGE)
@example('{"type":"download_complete","download_id":"a","file_path":"x","attempt":' + "9" * 4200 + "}")
@example("[" * 100_000)
def test_whatever_is_told_is_an_event_of_its_type_or_an_event_or_none(message: str) -> None:
    event = parse(message)
    if event is None:
        return
    assert isinstance(event, Event)
    if isinstance(event, DownloadEvent):
        assert isinstance(event.download_id, str)
    if isinstance(event, DownloadProgress):
        assert isinstance(event.progress, float)
        assert isinstance(event.speed, int)


@given(st.lists(messages, max_size=8))
@example(['{"event_id":"7&channel=evil#-3"}'])
@example(['{"event_id":"7-3","channel":"a&channel=evil"}'])
def test_whatever_is_told_where_to_resume_stays_a_query(told: list[str]) -> None:
    bookmark = ResumePosition()
    for message in told:
        bookmark.is_new(message)
        bookmark.begin()
    url = ServerAddress("ws://localhost:8080/ws?since=1-1&channel=a").resuming_after(bookmark.event_id)
    assert urlsplit(url)[:3] == ("ws", "localhost:8080", "/ws")
    query = parse_qs(urlsplit(url).query)
    assert query == {"channel": ["a"], "since": [bookmark.event_id or "1-1"]}


@given(messages)
@example('{"type":"command_result","command_id":[]}')
@example('{"type":"command_result","command_id":{}}')
@example('{"type":"command_result","a":' + "[" * 100_000)
def test_only_an_answer_with_the_id_of_what_was_asked_is_an_answer(message: str) -> None:
    async def run() -> bool:
        commands = Commands()
        asked = asyncio.create_task(commands.request(lambda text: True, "clear_finished", {}, 60, {}))
        await asyncio.sleep(0)
        answered = commands.take_result(message)
        commands.give_up()
        await asyncio.gather(asked, return_exceptions=True)
        return answered

    assert asyncio.run(run()) is False


@given(st.lists(messages, max_size=20))
def test_what_nobody_reads_is_bounded(told: list[str]) -> None:
    async def run() -> list[str]:
        inbox = ReceiveBuffer(1000)
        inbox.begin()
        for message in told:
            await inbox.put(message)
        inbox.end()
        return await inbox.take()

    assert sum(map(len, asyncio.run(run()))) <= 1000


@given(st.one_of(text, st.sampled_from(["a\r\nX: y", "\ud800", "é", "", "a b", "\x00"])))
def test_a_token_never_breaks_out_of_its_header(token: str) -> None:
    try:
        found = asyncio.run(TokenSource(token).headers(1))
    except ConnectionError as error:
        assert token == "" or token not in str(error) or len(token) < 8
        return
    assert found == ({"Authorization": f"Bearer {token}"} if token else {})
    assert all(value.isprintable() and value.isascii() for value in found.values())


@given(st.lists(messages, max_size=4))
@example([HUGE])
@example(
    ['{"type":"download_started","download_id":"a","speed":1e400,"received_bytes":1,"total_bytes":' + "9" * 400 + "}"]
)
@example(['{"type":"download_error","download_id":"\\u001b]0;x\\u0007","error_message":"\\u009b2J\\u202e\\u2028"}'])
def test_whatever_is_told_a_terminal_gets_lines_without_control_characters(told: list[str]) -> None:
    board = JobTable()
    for message in told:
        assert str(board.apply(message)).isprintable()
        for row in board.rows.values():
            assert row.name.isprintable()
            assert row.remaining_s is None or row.remaining_s >= 0
            assert 0 <= row.progress <= 1


def test_what_a_terminal_obeys_is_shown_as_dots() -> None:
    assert clean("a\x1b[2J\x9b\u202e\nb") == "a·[2J···b"
    assert json.loads('"\\u009b"') == "\x9b"


@pytest.mark.parametrize("number", ["9" * 400, "1e400", "-1e400"])
def test_a_number_that_can_not_be_counted_with_is_as_if_it_was_not_told(number: str) -> None:
    board = JobTable()
    board.apply('{"type":"download_started","download_id":"a","total_bytes":' + number + ',"speed":' + number + "}")
    assert (board.rows["a"].total, board.rows["a"].speed) == (0, 0)
