import json

from simulcast.cli.watch import download_table as module
from simulcast.cli.watch.download_table import DownloadTable, Line, size
from simulcast.model import events
from tests.events import event


def event_text(kind: str, download_id: str = "a", **members: object) -> str:
    return json.dumps(event(1, kind, download_id, **members))


def test_a_download_has_a_row_from_its_first_event_to_its_end() -> None:
    table = DownloadTable()
    table.apply(event_text("queued", name="a.iso"))
    assert (table.rows["a"].name, table.rows["a"].state) == ("a.iso", "queued")
    table.apply(event_text("started", name="a.iso"))
    table.apply(event_text("progress", progress=0.5, speed=1000, received_bytes=500, total_bytes=1000))
    row = table.rows["a"]
    assert (row.state, row.progress, row.speed, row.remaining_s) == ("running", 0.5, 1000.0, 0.5)
    table.apply(event_text("paused"))
    assert (row.state, row.progress, row.remaining_s) == ("paused", 0.5, None)
    line = table.apply(event_text("complete", file_path="/downloads/a.iso"))
    assert not table.rows
    assert line == Line("complete", "a", "a.iso  /downloads/a.iso", lasting=True)


def test_every_type_of_a_download_is_known() -> None:
    table = DownloadTable()
    for kind in sorted(events.STATE_TYPES):
        assert not table.apply(event_text(kind.removeprefix("download_"), kind)).lasting
        assert kind in table.rows
    for kind in sorted(events.END_TYPES):
        table.apply(event_text("queued", kind))
        assert table.apply(event_text(kind.removeprefix("download_"), kind)).lasting
        assert kind not in table.rows


def test_an_error_is_told_with_its_message() -> None:
    assert str(DownloadTable().apply(event_text("error", error_message="the server answered 404"))) == (
        "error      a  the server answered 404"
    )


def test_progress_is_a_line_for_those_without_bars() -> None:
    line = DownloadTable().apply(event_text("progress", progress=0.25, speed=1_500_000))
    assert str(line) == "progress   a   25.0%  1.5 MB/s  a" and not line.lasting


def test_an_event_that_only_has_what_the_first_app_sends_is_enough() -> None:
    table = DownloadTable()
    table.apply('{"type":"download_progress","download_id":"12345","progress":0.75,"speed":1024000}')
    assert (table.rows["12345"].progress, table.rows["12345"].remaining_s) == (0.75, None)


def test_what_isnt_an_event_of_a_download_is_shown_as_it_is() -> None:
    table = DownloadTable()
    for text in ("Hello", "[1,2]", '{"type":"weather","sun":true}', '{"type":"download_progress"}', "[" * 100_000):
        line = table.apply(text)
        assert line.lasting and line.text.startswith(text[:200])
    assert not table.rows


def test_wrong_members_do_no_harm() -> None:
    table = DownloadTable()
    table.apply(event_text("progress", progress="much", speed=None, total_bytes=True, name=7))
    assert (table.rows["a"].progress, table.rows["a"].speed, table.rows["a"].name) == (0.0, 0.0, "a")


def test_control_characters_never_reach_the_terminal() -> None:
    table = DownloadTable()
    shown = [
        str(table.apply(event_text("queued", name="a\x1b[2Jb\r\nc\u202e"))),
        str(table.apply("\x1b]0;title\x07")),
        str(table.apply(event_text("error", "\x1b", error_message="\x9b31m"))),
    ]
    assert all(text.isprintable() for text in shown)
    assert table.rows["a"].name == "a·[2Jb··c·"


def test_rows_are_bounded_and_the_oldest_goes_first() -> None:
    table = DownloadTable()
    for number in range(module.MAX_ROWS + 1):
        table.apply(event_text("queued", str(number)))
    assert len(table.rows) == module.MAX_ROWS and "0" not in table.rows


def test_sizes_read_well() -> None:
    assert [size(count) for count in (0, 999, 1000, 1_500_000, 999_999, 2e9, 5e12)] == [
        *("0 B", "999 B", "1.0 kB", "1.5 MB", "1.0 MB", "2.0 GB", "5000.0 GB")
    ]
