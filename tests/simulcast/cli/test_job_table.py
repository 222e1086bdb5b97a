import json
from typing import Any

from simulcast.cli.watch import job_table as module
from simulcast.cli.watch.job_table import JobTable, Line, size
from simulcast.model import events
from tests.clocks import Clock
from tests.events import event, job_event, unowned


def event_text(kind: str, download_id: str = "a", **members: object) -> str:
    return json.dumps(event(1, kind, download_id, **members))


def job_text(kind: str, job_id: str = "a", **members: object) -> str:
    return json.dumps(job_event(1, kind, job_id, **members))


def test_a_download_has_a_row_from_its_first_event_to_its_end() -> None:
    table = JobTable()
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
    table = JobTable()
    for kind in sorted(events.STATE_TYPES):
        assert not table.apply(event_text(kind.removeprefix("download_"), kind)).lasting
        assert kind in table.rows
    for kind in sorted(events.END_TYPES):
        table.apply(event_text("queued", kind))
        assert table.apply(event_text(kind.removeprefix("download_"), kind)).lasting
        assert kind not in table.rows


def test_a_job_of_another_kind_has_a_row_with_its_own_unit_and_a_line_with_its_result() -> None:
    table = JobTable()
    assert str(table.apply(job_text("queued", name="Holiday.mp4"))) == "queued     a  Holiday.mp4"
    table.apply(job_text("started", name="Holiday.mp4"))
    row = table.rows["a"]
    assert (row.state, row.is_job, row.amount, row.remaining_s) == ("running", True, "", None)
    measures: dict[str, Any] = {"progress": 0.25, "done": 1250, "total": 5000, "unit": "frames"}
    line = table.apply(job_text("progress", **measures, message="first pass"))
    assert line.text == " 25.0%  1,250 / 5,000 frames  Holiday.mp4  first pass" and not line.lasting
    assert row.amount == "1,250 / 5,000 frames"
    table.apply(job_text("progress", done=2.5, unit="h"))
    assert row.amount == "2.5 h"
    table.apply(job_text("progress", done=1_500_000, total=2e9, unit="B"))
    assert row.amount == "1.5 MB / 2.0 GB"
    line = table.apply(job_text("complete", name="Holiday.mp4", result={"n": [1]}))
    assert line == Line("complete", "a", 'Holiday.mp4  {"n":[1]}', lasting=True) and not table.rows
    assert table.apply(job_text("error", error_message="its process was lost")).text == "its process was lost"


def test_every_type_of_a_job_is_known() -> None:
    table = JobTable()
    for kind in sorted(events.JOB_STATE_TYPES):
        assert not table.apply(job_text(kind.removeprefix("job_"), kind)).lasting
        assert kind in table.rows
    for kind in sorted(events.JOB_END_TYPES):
        table.apply(job_text("queued", kind))
        assert table.apply(job_text(kind.removeprefix("job_"), kind)).lasting
        assert kind not in table.rows


def test_what_nobody_owns_falls_silent() -> None:
    clock = Clock()
    table = JobTable(clock=clock)
    table.apply(json.dumps(unowned(job_event(1, "started", "a"))))
    table.apply(event_text("progress", "b", progress=0.5, speed=1))
    table.apply(job_text("started", "owned"))
    clock.advance(module.SILENT_AFTER_S + 1)
    assert [table.is_silent(table.rows[key]) for key in ("a", "b", "owned")] == [True, True, False]
    table.apply(event_text("progress", "b", progress=0.6, speed=1))
    assert not table.is_silent(table.rows["b"])


def test_a_result_of_any_depth_is_a_line() -> None:
    depth = 950
    text = '{"type":"job_complete","job_id":"a","result":' + "[" * depth + "]" * depth + "}"
    assert JobTable().apply(text).label in ("complete", "text")


def test_an_error_is_told_with_its_message() -> None:
    assert str(JobTable().apply(event_text("error", error_message="the server answered 404"))) == (
        "error      a  the server answered 404"
    )


def test_progress_is_a_line_for_those_without_bars() -> None:
    line = JobTable().apply(event_text("progress", progress=0.25, speed=1_500_000))
    assert str(line) == "progress   a   25.0%  1.5 MB/s  a" and not line.lasting


def test_an_event_that_only_has_what_the_first_app_sends_is_enough() -> None:
    table = JobTable()
    table.apply('{"type":"download_progress","download_id":"12345","progress":0.75,"speed":1024000}')
    assert (table.rows["12345"].progress, table.rows["12345"].remaining_s) == (0.75, None)


def test_what_isnt_an_event_of_a_download_is_shown_as_it_is() -> None:
    table = JobTable()
    for text in ("Hello", "[1,2]", '{"type":"weather","sun":true}', '{"type":"download_progress"}', "[" * 100_000):
        line = table.apply(text)
        assert line.lasting and line.text.startswith(text[:200])
    assert not table.rows


def test_wrong_members_do_no_harm() -> None:
    table = JobTable()
    table.apply(event_text("progress", progress="much", speed=None, total_bytes=True, name=7))
    assert (table.rows["a"].progress, table.rows["a"].speed, table.rows["a"].name) == (0.0, 0.0, "a")


def test_control_characters_never_reach_the_terminal() -> None:
    table = JobTable()
    shown = [
        str(table.apply(event_text("queued", name="a\x1b[2Jb\r\nc\u202e"))),
        str(table.apply("\x1b]0;title\x07")),
        str(table.apply(event_text("error", "\x1b", error_message="\x9b31m"))),
    ]
    assert all(text.isprintable() for text in shown)
    assert table.rows["a"].name == "a·[2Jb··c·"


def test_rows_are_bounded_and_the_oldest_goes_first() -> None:
    table = JobTable()
    for number in range(module.MAX_ROWS + 1):
        table.apply(event_text("queued", str(number)))
    assert len(table.rows) == module.MAX_ROWS and "0" not in table.rows


def test_sizes_read_well() -> None:
    assert [size(count) for count in (0, 999, 1000, 1_500_000, 999_999, 2e9, 5e12)] == [
        *("0 B", "999 B", "1.0 kB", "1.5 MB", "1.0 MB", "2.0 GB", "5000.0 GB")
    ]
