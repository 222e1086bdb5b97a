"""A process that owns an embedded server: `python -m tests.cli.owner FOLDER [watch]`. Prints the server's id, waits."""

import asyncio
import sys
from pathlib import Path

from simulcast.launcher.embedded import EmbeddedServer
from simulcast.launcher.valkey_binary import find_server


async def main() -> None:
    async with EmbeddedServer(Path(sys.argv[1]), await find_server()) as server:
        print(server.pid, flush=True)
        await asyncio.sleep(120)


if sys.argv[2:] == ["watch"]:
    sys.platform = "darwin"  # where the kernel has no signal for a parent's death
asyncio.run(main())
