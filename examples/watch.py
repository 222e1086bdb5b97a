"""Prints what happens to all downloads, live, until Ctrl-C."""

import asyncio
from contextlib import suppress

from simulcast.gateway import Gateway


async def main() -> None:
    async with Gateway(host="localhost", port=8080, on_websocket_message=print):
        await asyncio.Event().wait()


with suppress(KeyboardInterrupt):
    asyncio.run(main())
