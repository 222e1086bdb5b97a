"""The parts of the page that decide without a document, called in the browser as they are."""

from typing import Any

import pytest

from tests.page.conftest import OpenPage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_beyond_the_limit_the_oldest_that_ended_leaves_first(open_page: OpenPage) -> None:
    page = await open_page()
    left: Any = await page.evaluate(
        """async () => {
          const { Downloads } = await import("./page/downloads.js");
          const downloads = new Downloads(3);
          const take = (type, download_id) => downloads.apply({ type, download_id }, 0)?.removed?.id ?? null;
          take("download_started", "runs");
          take("download_complete", "ended first");
          take("download_complete", "ended next");
          return [take("download_queued", "1"), take("download_queued", "2"), take("download_queued", "3"),
            [...downloads.values()].map(download => download.id)];
        }"""
    )
    assert left == ["ended first", "ended next", "runs", ["1", "2", "3"]]


async def test_a_new_epoch_is_believed_though_its_offsets_are_lower(open_page: OpenPage) -> None:
    page = await open_page()
    states: Any = await page.evaluate(
        """async () => {
          const { Downloads } = await import("./page/downloads.js");
          const downloads = new Downloads();
          const take = (event_id, type) => {
            downloads.apply({ event_id, type, download_id: "a" }, 0);
            return downloads.get("a").state;
          };
          return [take("1-100", "download_complete"), take("1-99", "download_started"),
            take("2-1", "download_started"), take("2-1", "download_paused")];
        }"""
    )
    assert states == ["complete", "complete", "running", "running"]


async def test_what_a_state_event_knows_is_enough_for_the_bar(open_page: OpenPage) -> None:
    page = await open_page()
    download: Any = await page.evaluate(
        """async () => {
          const { Downloads, displayName } = await import("./page/downloads.js");
          const { download } = new Downloads().apply({ type: "download_paused", download_id: "a",
            url: "https://u:p@example.org/dir/a%20b.iso?x=/y#z", received_bytes: 30, total_bytes: 120 }, 0);
          return [download.progress, displayName(download)];
        }"""
    )
    assert download == [0.25, "a b.iso"]


async def test_numbers_are_written_for_people(open_page: OpenPage) -> None:
    expected = {
        "formatSize(0)": "0 B",
        "formatSize(999)": "999 B",
        "formatSize(1000)": "1.0 kB",
        "formatSize(99949)": "99.9 kB",
        "formatSize(99950)": "100 kB",
        "formatSize(999499)": "999 kB",
        "formatSize(999500)": "1.0 MB",
        "formatSize(2e21)": "2000000 PB",
        "formatSizes(5e6, 54e6)": "5.0 / 54.0 MB",
        "formatSizes(5e5, 54e6)": "500 kB / 54.0 MB",
        "formatSizes(null, 54e6)": "54.0 MB",
        "formatSizes(null, null)": "",
        "formatSizes(0, null)": "",
        "formatSizes(0, 54e6)": "0 B / 54.0 MB",
        "toPercent(0.29)": 29,
        "toPercent(0.9999)": 99,
        "toPercent(1)": 100,
        "formatDuration(0)": "1 s",
        "formatDuration(59.6)": "1 min",
        "formatDuration(3599)": "1 h 00 min",
        "formatDuration(1e12)": "years",
    }
    page = await open_page(live=False)
    calls = ", ".join(f"format.{call}" for call in expected)
    assert await page.evaluate(f"import('./page/format.js').then(format => [{calls}])") == list(expected.values())
