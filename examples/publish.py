"""Ten lines that publish: any process that knows REDIS_URL reaches every client of every front-end."""

import asyncio

from simulcast import notify_download_complete, notify_download_progress


async def main() -> None:
    for percent in range(0, 101, 10):
        await notify_download_progress("12345", progress=percent / 100, speed=1_024_000)
    await notify_download_complete("12345", file_path="/downloads/example.iso")


asyncio.run(main())
