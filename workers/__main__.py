"""One worker: `python -m workers`."""

import argparse
import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import time
from pathlib import Path

from pydantic import ValidationError

from simulcast.broker import Broker
from simulcast.connection import connect
from simulcast.jobs import Jobs
from simulcast.logs import configure
from simulcast.names import ChannelNames
from simulcast.settings import explained
from workers.download import Downloader
from workers.failures import FolderNotWritable
from workers.files import open_folder
from workers.session import make_session
from workers.settings import WorkerSettings
from workers.worker import Worker

_log = logging.getLogger("simulcast.worker")


async def work(settings: WorkerSettings, folder: Path) -> None:
    """Works until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    url = settings.resolved_redis_url()
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
    broker = Broker.connect(url)
    jobs = Jobs.connect(url, broker)
    subscribing = connect(url, most_connections=2)
    try:
        async with make_session(settings.allow_networks) as session:
            downloader = Downloader(session, jobs, folder, time.monotonic, settings.public_download_dir)
            worker = Worker(
                name,
                jobs,
                downloader,
                subscribing,
                ChannelNames(),
                settings.lease_s,
                settings.at_once,
                time.monotonic,
            )
            _log.info("worker %s downloads into %s", name, folder)
            await worker.run(stop)
    finally:
        await subscribing.aclose()
        await jobs.aclose()
        await broker.aclose()


def main() -> None:
    """Exits with 1 for a setting that makes no sense, and a download folder that can't be written to."""
    argparse.ArgumentParser(
        prog="python -m workers", description="One download worker of Simulcast; its settings come by environment."
    ).parse_args()
    try:
        settings = WorkerSettings()
    except ValidationError as error:
        sys.exit(f"simulcast: {explained(error)}")
    configure(settings.log)
    try:
        folder = open_folder(settings.download_dir)
    except FolderNotWritable as error:
        sys.exit(str(error))
    asyncio.run(work(settings, folder))


if __name__ == "__main__":
    main()
