"""A worker that dies, as by kill -9, at one step of a download's end: `python -m tests.system.dying_worker STEP`."""

import os
import signal
import sys
from pathlib import Path
from unittest import mock

from simulcast.jobs import Jobs, Lease
from workers.__main__ import main
from workers.disk.identity import FileIdentity
from workers.disk.publish import publish
from workers.transfer import downloader

STEPS = ("after the last byte", "after finishing", "between link and unlink", "after the rename", "after complete")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_whatever(*_: object, **__: object) -> None:
    die()


def die_at(step: str) -> None:
    """Replaces what comes at that step."""

    def dying_publish(part: Path, folder: Path, name: str, identity: FileIdentity, below: str) -> Path:
        if step == "after finishing":
            die()
        if step == "between link and unlink":
            with mock.patch.object(Path, "unlink", side_effect=die_whatever):
                return publish(part, folder, name, identity, below)
        path = publish(part, folder, name, identity, below)
        if step == "after the rename":
            die()
        return path

    note, end = Jobs.save, Jobs.finish

    async def dying_note(self: Jobs, claim: Lease, fields: dict[str, str]) -> None:
        if step == "after the last byte" and "finishing" in fields:
            die()
        await note(self, claim, fields)

    async def dying_end(self: Jobs, claim: Lease, *args: object, **kwargs: object) -> None:
        await end(self, claim, *args, **kwargs)  # type: ignore[arg-type]
        if step == "after complete":
            die()

    mock.patch.object(downloader, "publish", dying_publish).start()
    mock.patch.object(Jobs, "save", dying_note).start()
    mock.patch.object(Jobs, "finish", dying_end).start()


if __name__ == "__main__":
    die_at(sys.argv.pop())
    main()
