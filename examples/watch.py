"""Prints what happens to all downloads, live, until Ctrl-C."""

import asyncio

from gateway import Gateway


async def main() -> None:
    gateway = Gateway(host="localhost", port=8080)
    gateway.on_websocket_message = print
    async with gateway:
        await asyncio.Event().wait()


asyncio.run(main())
