from simulcast.frontend.fanout.snapshot import ENDED_TTL_S, MAX_BYTES, MAX_ENTRIES, ChannelSnapshot
from tests.clocks import Clock
from tests.fake_clients import entry, texts


def frames(snapshot: ChannelSnapshot) -> bytes:
    return b"".join(entry.frame for entry in snapshot.entries())


def test_it_holds_newest_state_and_newest_progress_of_each_download_oldest_first() -> None:
    snapshot = ChannelSnapshot(Clock())
    snapshot.apply(entry("queued", "s:download_queued:1:1", "a"))
    snapshot.apply(entry("started", "s:download_started:1:2", "a"))
    snapshot.apply(entry("b1", "p", "b"))
    snapshot.apply(entry("a1", "p", "a"))
    snapshot.apply(entry("b2", "p", "b"))
    snapshot.apply(entry("other"))
    assert texts(frames(snapshot)) == ["started", "a1", "b2"]


def test_an_end_replaces_all_of_its_download_and_stays_for_ten_minutes() -> None:
    clock = Clock()
    snapshot = ChannelSnapshot(clock)
    snapshot.apply(entry("a1", "p", "a"))
    snapshot.apply(entry("a end", "e:download_complete:1:3", "a"))
    assert texts(frames(snapshot)) == ["a end"]
    clock.advance(ENDED_TTL_S)
    assert texts(frames(snapshot)) == ["a end"]
    clock.advance(1)
    assert texts(frames(snapshot)) == []


def test_an_end_that_was_long_ago_when_it_was_read_counts_from_then() -> None:
    clock = Clock()
    snapshot = ChannelSnapshot(clock)
    snapshot.apply(entry("old end", "e:download_complete:1:3", "a"), age_s=ENDED_TTL_S - 10)
    clock.advance(11)
    assert texts(frames(snapshot)) == []


def test_a_second_end_is_not_forgotten_with_the_first() -> None:
    clock = Clock()
    snapshot = ChannelSnapshot(clock)
    snapshot.apply(entry("error", "e:download_error:1:3", "a"))
    clock.advance(ENDED_TTL_S - 1)
    snapshot.apply(entry("complete", "e:download_complete:2:6", "a"))
    clock.advance(2)
    assert texts(frames(snapshot)) == ["complete"]


def test_a_retried_download_shows_its_end_and_its_new_life() -> None:
    snapshot = ChannelSnapshot(Clock())
    snapshot.apply(entry("error", "e:download_error:1:3", "a"))
    snapshot.apply(entry("queued", "s:download_queued:2:4", "a"))
    assert texts(frames(snapshot)) == ["error", "queued"]


def test_it_is_bounded() -> None:
    snapshot = ChannelSnapshot(Clock())
    for n in range(MAX_ENTRIES + 5):
        snapshot.apply(entry(str(n), "p", str(n)))
    kept = texts(frames(snapshot))
    assert len(kept) == MAX_ENTRIES
    assert kept[0] == "5"


def test_its_bytes_are_bounded_too() -> None:
    snapshot = ChannelSnapshot(Clock())
    for n in range(MAX_BYTES // 60_000 + 10):
        snapshot.apply(entry("x" * 60_000, "e:download_complete::", str(n)))
        snapshot.apply(entry("y" * 60_000, "e:download_complete::", str(n)))
    assert MAX_BYTES - 200_000 < sum(len(entry.frame) for entry in snapshot.entries()) <= MAX_BYTES
