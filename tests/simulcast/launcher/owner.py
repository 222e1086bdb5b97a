"""Owner of an embedded server, whose id it prints: `python -m tests.simulcast.launcher.owner FOLDER [watch]`."""

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
