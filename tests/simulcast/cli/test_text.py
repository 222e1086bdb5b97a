"""Names in a terminal of any width."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType

from simulcast.cli.listing import Listing
from simulcast.cli.text import shorten
from simulcast.cli.top.status_view import StatusView
from simulcast.model.job_record import STATES, JobRecord
from simulcast.model.own_job import OwnJobRecord
from simulcast.model.processes import ServiceStatus
from tests.process_records import FRONT_END, WORKER

LONG = "Ein sehr langer Name mit vielen Wörtern – Folge 12 (1080p).mkv"
WIDE = "日本語のとても長い名前のファイルです第十二話.mkv"


def drawn(renderable: RenderableType, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as output:
        console.print(renderable)
    return output.get().splitlines()


@pytest.mark.parametrize(
    ("text", "cells", "short"),
    [
        ("holiday.mp4", 11, "holiday.mp4"),
        ("holiday.mp4", 10, "holid….mp4"),
        (WIDE, 12, "日本語….mkv"),
        (WIDE, 13, "日本語…話.mkv"),
        ("e\u0301" * 10, 5, "e\u0301" * 2 + "…" + "e\u0301" * 2),
        ("👨‍👩‍👧" * 5, 6, "👨‍👩‍👧…👨‍👩‍👧"),
        ("abc", 2, "a…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_a_name_is_shortened_in_the_middle(text: str, cells: int, short: str) -> None:
    assert shorten(text, cells) == short


@given(st.text(max_size=60), st.integers(0, 40))
def test_a_shortened_text_never_has_more_cells(text: str, cells: int) -> None:
    short = shorten(text, cells)
    assert cell_len(short) <= cells or (short == text and cell_len(text) <= cells)


def download(name: str, **members: object) -> JobRecord:
    fixed: dict[str, object] = {
        **{"download_id": "3f0c9a1be27d4c55", "url": "http://a/b", "state": "running", "attempt": 1},
        **{"progress": 0.5, "speed": 1, "received_bytes": 1, "total_bytes": 2, "error_message": None},
        **{"file_path": f"/srv/downloads/{name}", "worker": None, "priority": 0, "retries": 0},
        **{"retry_at": None, "limit_bytes_per_s": None, "created_at": 0.0, "updated_at": 0.0},
    }
    return JobRecord.model_validate({**fixed, "name": name, **members})


JOB = OwnJobRecord(
    job_id="render/" + "x" * 80,
    kind="render",
    name=LONG,
    state="running",
    attempt=1,
    progress=0.25,
    error_message=None,
    cancel_requested=True,
    worker=None,
    created_at=0.0,
    updated_at=0.0,
)


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("records", [[download(LONG), download(WIDE)], [download("a.iso"), JOB]])
def test_a_listing_fits_into_any_terminal_and_keeps_ids_whole(width: int, records: list[JobRecord]) -> None:
    lines = drawn(Listing(records), width)
    assert max(map(cell_len, lines)) <= width
    text = "".join(line.rstrip() for line in lines)
    for record in records:
        assert getattr(record, "job_id", None) or record.download_id in text
    assert "running" in text and "50%" in text
    if width >= 120:
        assert ".mkv" in text or "a.iso" in text


def test_a_listing_has_one_line_for_each_record_in_80_columns() -> None:
    lines = drawn(Listing([download(LONG), download(WIDE)]), 80)
    assert len(lines) == 2
    assert lines[0].startswith("3f0c9a1be27d4c55  running  ") and "…" in lines[0] and "p).mkv" in lines[0]


LONG_HOST = "a-host-with-a-long-name-7f9c8b6d5-x2x4z"
BUSY = FRONT_END.model_copy(
    update={
        "name": f"{LONG_HOST}:1234:abcdef",
        "clients": 12_000,
        "behind": 345,
        "events_per_s": 5_000.04,
        "deliveries_per_s": 60_000_000.0,
    }
)
STATUS = ServiceStatus(
    at=4600.0,
    front_ends=[BUSY],
    workers=[WORKER.model_copy(update={"name": f"{LONG_HOST}:13:aa"})],
    jobs=dict.fromkeys(STATES, 12),
    other_jobs={"running": 1_000},
    longest_wait_s=300.0,
    totals={},
)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140, 200])
def test_the_status_fits_into_any_terminal_and_breaks_no_word(width: int) -> None:
    lines = drawn(StatusView(STATUS), width)
    assert max(map(cell_len, lines)) <= width
    words = set(" ".join(drawn(StatusView(STATUS), 500)).split())
    for line in lines:
        for word in line.split():
            assert word in words or "…" in word, (word, lines)


def test_the_numbers_that_matter_are_kept_in_80_columns() -> None:
    lines = drawn(StatusView(STATUS), 80)
    title, row = next((lines[n], lines[n + 1]) for n, line in enumerate(lines) if line.startswith("FRONT-END"))
    assert re.split(r"\s{2,}", title.strip())[1:] == ["UP", "CLIENTS", "BEHIND", "EVENTS/s", "DELIVERIES/s", "LAG"]
    assert re.split(r"\s{2,}", row.strip())[1:] == ["60 min", "12,000", "345", "5,000.0", "60,000,000.0", "12 ms"]
    assert row.startswith("a-host-") and ":1234  " in row
