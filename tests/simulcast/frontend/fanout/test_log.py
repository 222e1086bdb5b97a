from simulcast.frontend.fanout.log import Log
from tests.fake_clients import entries_after, entry, log_frames, texts


def after(log: Log, offset: int) -> list[str]:
    entries = entries_after(log, offset)
    assert entries is not None
    return texts(b"".join(entry.frame for entry in entries))


def since(log: Log, cursor: int, max_bytes: int = 10**6) -> list[str]:
    batch = log_frames(log, cursor, max_bytes)
    assert batch is not None
    return texts(b"".join(batch[0]))


def test_newer_progress_supersedes_older_progress_of_its_download_only() -> None:
    log = Log()
    for text, key in (("a1", "a"), ("b1", "b"), ("a2", "a")):
        log.append(entry(text, "p", key))
    assert since(log, 0) == ["b1", "a2"]


def test_a_state_event_supersedes_its_progress_and_nothing_supersedes_it() -> None:
    log = Log()
    log.append(entry("started", "s:download_started:1:1", "a"))
    log.append(entry("half", "p", "a"))
    log.append(entry("paused", "s:download_paused:1:2", "a"))
    log.append(entry("more", "p", "a"))
    log.append(entry("complete", "e:download_complete:1:3", "a"))
    log.append(entry("again", "p", "a"))
    assert since(log, 0) == ["started", "paused", "complete", "again"]


def test_events_without_a_key_are_never_superseded() -> None:
    log = Log()
    for n in range(3):
        log.append(entry(str(n)))
    assert since(log, 1) == ["1", "2"]


def test_a_slice_ends_at_its_bound_but_is_never_empty() -> None:
    log = Log()
    for n in range(5):
        log.append(entry(f"{n}" * 100))
    first = log_frames(log, 0, 1)
    assert first is not None and len(first[0]) == 1
    second = log_frames(log, first[1], 250)
    assert second is not None and texts(b"".join(second[0])) == ["1" * 100, "2" * 100]
    assert since(log, second[1]) == ["3" * 100, "4" * 100]


def test_what_was_trimmed_is_not_passed_over_in_silence() -> None:
    log = Log(max_entries=2)
    for n in range(1, 4):
        log.append(entry(str(n), offset=n))
    assert log_frames(log, 0, 100) is None
    assert since(log, 1) == ["2", "3"]
    assert entries_after(log, 0) is None
    assert after(log, 1) == ["2", "3"]


def test_bytes_are_bounded_too() -> None:
    log = Log(max_bytes=1000)
    for n in range(100):
        log.append(entry("x" * 90, "p", str(n)))
    assert len(since(log, log.head - 5)) == 5
    assert log_frames(log, log.head - 50, 100) is None


def test_superseding_gives_the_bytes_back() -> None:
    log = Log(max_bytes=1000)
    log.append(entry("first"))
    for _ in range(1000):
        log.append(entry("x" * 90, "p", "same"))
    assert since(log, 0) == ["first", "x" * 90]


def test_recovery_by_offset_leaves_out_what_was_live_only() -> None:
    log = Log()
    log.restart_after(10)
    log.append(entry("11", offset=11))
    log.append(entry("foreign"))
    log.append(entry("12", offset=12))
    assert after(log, 10) == ["11", "12"]
    assert after(log, 11) == ["12"]
    assert after(log, 12) == []
    assert entries_after(log, 9) is None


def test_another_epoch_makes_the_offsets_before_it_meaningless_but_not_the_cursors() -> None:
    log = Log()
    log.append(entry("old", offset=5))
    log.restart_after(0)
    log.append(entry("new", offset=1))
    assert after(log, 0) == ["new"]
    assert since(log, 0) == ["old", "new"]


def test_an_answer_that_was_given_is_not_given_again_when_more_has_come() -> None:
    log = Log()
    log.append(entry("1", offset=1))
    assert after(log, 0) == ["1"]
    log.append(entry("2", offset=2))
    assert after(log, 0) == ["1", "2"]
