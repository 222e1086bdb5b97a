"""Work that goes on until a test asks for its end, by a file in its folder: `finish` or `raise`."""

import os
from collections.abc import Iterator
from pathlib import Path


class Failure(Exception):
    """The failure that the test asks for."""


def tell_running(folder: Path) -> None:
    """Tell the test, in the file `running`, which process works."""
    (folder / "pid").write_text(str(os.getpid()))
    (folder / "pid").rename(folder / "running")


def rounds(folder: Path) -> Iterator[None]:
    """Yield for each round of the work until the test asks for its end; the test may do so after the first one."""
    yield
    tell_running(folder)
    while not (folder / "finish").exists():
        if (folder / "raise").exists():
            raise Failure("the film is torn")
        yield
