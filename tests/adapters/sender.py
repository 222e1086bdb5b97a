"""A program that enqueues tasks: a line of JSON for each request, and one for its answer."""

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.service import STOP_S


@contextmanager
def sender(module: str, **environment: str) -> Iterator[Callable[..., str]]:
    """Run the module as a program; yield a function that has it enqueue a task, and returns the id of that."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None

    def send(function: str, *args: object, **options: object) -> str:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps([function, args, options]) + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    with process:
        try:
            yield send
            process.stdin.close()
            process.wait(timeout=STOP_S)
        finally:
            process.kill()


async def serve(enqueue: Callable[[str, list[Any], dict[str, Any]], Awaitable[str]]) -> None:
    """Answer the requests of standard input."""
    for line in sys.stdin:
        print(await enqueue(*json.loads(line)), flush=True)
