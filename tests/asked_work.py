"""Work that goes on until a test asks for its end, by a file in its folder: `finish` or `raise`."""

import os
from pathlib import Path


class Failure(Exception):
    """The failure that the test asks for."""


def tell_running(folder: Path) -> None:
    """Tell the test, in the file `running`, which process works."""
    (folder / "pid").write_text(str(os.getpid()))
    (folder / "pid").rename(folder / "running")


def goes_on(folder: Path) -> bool:
    if (folder / "raise").exists():
        raise Failure("the film is torn")
    return not (folder / "finish").exists()
