import random
from collections import defaultdict
from itertools import pairwise

import pytest

from simulcast.cli.demo.timeline import TimedEvent, make_timeline
from simulcast.model.events import Event, encode


def by_download(moments: list[TimedEvent]) -> dict[str, list[TimedEvent]]:
    timelines: dict[str, list[TimedEvent]] = defaultdict(list)
    for moment in moments:
        timelines[str(moment.event["download_id"])].append(moment)
    return timelines


@pytest.fixture(params=range(5))
def moments(request: pytest.FixtureRequest) -> list[TimedEvent]:
    return list(make_timeline(8, 30.0, random.Random(request.param)))


def kinds(moments: list[TimedEvent]) -> list[str]:
    return [str(moment.event["type"]) for moment in moments]


def test_timeline_is_in_order_and_within_the_time(moments: list[TimedEvent]) -> None:
    assert all(before.at_s <= after.at_s for before, after in pairwise(moments))
    assert moments[0].at_s >= 0 and moments[-1].at_s <= 30.0
    assert all(isinstance(encode(moment.event), Event) for moment in moments)


def test_timeline_completes_all_downloads_but_one(moments: list[TimedEvent]) -> None:
    downloads = by_download(moments)
    assert len(downloads) == 8
    ends = sorted(kinds(events)[-1] for events in downloads.values())
    assert ends == ["download_complete"] * 7 + ["download_error"]
    for events in downloads.values():
        assert kinds(events)[:3] == ["download_queued", "download_started", "download_progress"]
        assert set(kinds(events)[2:-1]) == {"download_progress"}
        assert [moment.event["change"] for moment in events if "change" in moment.event] == [1, 2, 3]


def test_timeline_progress_rises_and_is_1_just_before_completion(moments: list[TimedEvent]) -> None:
    for events in by_download(moments).values():
        progress = [float(str(moment.event["progress"])) for moment in events if "progress" in moment.event]
        assert progress == sorted(progress)
        if kinds(events)[-1] == "download_complete":
            assert kinds(events)[-2] == "download_progress" and events[-2].event["progress"] == 1.0


def test_timeline_speeds_match_the_bytes(moments: list[TimedEvent]) -> None:
    for events in by_download(moments).values():
        steps = [moment for moment in events if moment.event["type"] == "download_progress"]
        for before, after in pairwise(steps):
            received = float(str(after.event["received_bytes"])) - float(str(before.event["received_bytes"]))
            assert received / (after.at_s - before.at_s) == pytest.approx(float(str(after.event["speed"])), rel=0.01)


def test_timeline_completes_a_single_download() -> None:
    assert kinds(list(make_timeline(1, 5.0, random.Random(0))))[-1] == "download_complete"


def test_timelines_share_no_id() -> None:
    first, second = (set(by_download(list(make_timeline(3, 5.0, random.Random(seed))))) for seed in (1, 2))
    assert not first & second
