"""The next request of a file that comes by several connections."""

from pathlib import Path

from workers.disk.part_file import PartFile
from workers.disk.writer import Writer
from workers.transfer.segments import Segment, plan_next

MIB = 1024 * 1024


def segment(start: int, end: int, *samples: tuple[float, int]) -> Segment:
    """Return a connection that was seen at these positions."""
    made = Segment(start, start, end, end, Writer(PartFile(Path("part"), 0), start, lambda: None))
    for now_s, at in samples:
        made.at = at
        made.sample(now_s)
    return made


def test_the_first_bytes_of_a_connection_are_no_speed() -> None:
    """They come together: taken for its speed, everything seems as good as done, and no other connection is opened."""
    steady = segment(0, 64 * MIB, (0.0, 0), (0.1, MIB))
    new = segment(64 * MIB, 128 * MIB, (0.1, 64 * MIB), (0.101, 65 * MIB))
    opening = plan_next(128 * MIB, (), [steady, new], (), min_remaining_s=1.0)
    assert opening is not None and opening.victim is not None
