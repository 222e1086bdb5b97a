"""A worker in fifty lines: yt-dlp fetches, and Simulcast gives it the queue, takeover, events and commands."""

import asyncio
import shutil
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from yt_dlp import YoutubeDL
from yt_dlp.utils import DownloadCancelled

from simulcast import ClaimedJob, JobQueue

FOLDER = Path("downloads").absolute()


def fetch(url: str, folder: Path, status: dict[str, Any], stop: threading.Event) -> str:
    def on_progress(news: dict[str, Any]) -> None:
        status.update(news)
        if stop.is_set():
            raise DownloadCancelled

    options = {"outtmpl": f"{folder}/%(title)s.%(ext)s", "progress_hooks": [on_progress], "noresizebuffer": True}
    with YoutubeDL(options | {"buffersize": 65536, "quiet": True, "noprogress": True, "color": "never"}) as engine:
        return str(engine.extract_info(url)["requested_downloads"][0]["filepath"])


async def carry_out(job: ClaimedJob) -> None:
    job_id, status, stop = quote(job.download_id, safe=""), dict[str, Any](), threading.Event()
    folder = FOLDER / f"{job_id}.{job.token}"
    for left_behind in FOLDER.glob(f"{job_id}.*"):  # by the owner before
        left_behind.rename(folder)
    fetching = asyncio.create_task(asyncio.to_thread(fetch, job.url, folder, status, stop))
    try:
        while not fetching.done():
            await asyncio.wait([fetching], timeout=0.5)
            received, total = status.get("downloaded_bytes") or 0, status.get("total_bytes")
            await job.report(received, total, int(status.get("speed") or 0))
            if await job.desired() != "running":
                stop.set()
        await job.end("complete", file_path=await fetching)
    except DownloadCancelled:
        if await job.end() == "cancelled":
            shutil.rmtree(folder, ignore_errors=True)
    except Exception as error:
        await job.end("error", error_message=str(error))
    finally:
        stop.set()


async def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    async with JobQueue() as queue:
        while True:
            await carry_out(await queue.claim())


asyncio.run(main())
