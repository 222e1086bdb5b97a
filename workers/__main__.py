"""One worker: `python -m workers`."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports, which take a second, shows no traceback

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from simulcast import tracing
from simulcast.broker import Broker
from simulcast.cancellation import cancel_and_wait
from simulcast.errors import SettingRefused
from simulcast.heartbeat import Rate, process_name, send_heartbeats
from simulcast.jobs import Jobs
from simulcast.logs import configure, discard_lost_output
from simulcast.model.processes import MAX_REPORTED_CHANNELS, WorkerRecord
from simulcast.process_registry import RECEIVED, ProcessRegistry
from simulcast.settings.worker import WorkerSettings
from simulcast.shared_limits import LimitStore
from simulcast.signals import stop_signals
from simulcast.store.factory import topology_from_url
from simulcast.version import version
from simulcast.webhooks import SCRIPT, Webhooks
from workers.channels import WorkChannels
from workers.disk.mount import outside_path
from workers.disk.publish import open_folder
from workers.errors import FolderNotWritable
from workers.http.client import Client
from workers.transfer.downloader import Downloader, ReceivedBytes
from workers.transfer.limits import WorkerLimits
from workers.webhooks.deliver import deliver_by
from workers.webhooks.notification import Notifier
from workers.webhooks.post import Poster
from workers.webhooks.script import Script
from workers.webhooks.sender import WebhookSender
from workers.worker import Worker

WEBHOOK_CONNECTIONS = 8
_log = logging.getLogger("simulcast.worker")


async def work(
    settings: WorkerSettings, webhook_keys: Sequence[bytes], notifier: Notifier, url: str, folder: Path
) -> None:
    """Work until SIGTERM, SIGINT or SIGHUP; a second signal ends the process immediately, as a crash would."""
    stop = stop_on_signals()
    name = process_name()
    broker = Broker.connect(url)
    jobs = Jobs.connect(url, broker)
    census = ProcessRegistry.connect(url)
    subscribing, sharing = (topology_from_url(url, max_connections=2) for _ in range(2))
    telling = topology_from_url(url, max_connections=WEBHOOK_CONNECTIONS)
    try:
        networks, read_timeout_s = settings.allow_networks, settings.read_timeout_s
        schemes, keys = settings.download_schemes, settings.sftp_known_hosts
        async with Client(
            networks, schemes=schemes, read_timeout_s=read_timeout_s, sftp_known_hosts=Path(keys) if keys else None
        ) as client:
            limits = WorkerLimits.from_settings(settings, folder, time.monotonic)
            public = settings.public_download_dir or outside_path(folder, settings.host_download_dir)
            received = ReceivedBytes()
            root = Downloader(client, jobs, folder, limits, public, received)
            channels = WorkChannels(settings.channels, root, subscribing)
            max_downloads = settings.max_concurrent_downloads
            store = LimitStore(sharing, broker)
            script = Script(Path(settings.on_end)) if settings.on_end else None
            own = (*notifier.addresses, *((SCRIPT,) if script else ()))
            webhooks = Webhooks(telling, (*settings.webhooks, *own))
            deliver = deliver_by(Poster(client, webhook_keys), notifier, script)
            sender = WebhookSender(telling, webhooks, settings.channels, deliver)
            worker = Worker(
                *(name, channels, subscribing, settings.lease_s, max_downloads, limits, store),
                on_ends=sender.wake,
            )
            _log.info("worker %s downloads into %s; clients know the folder as %s", name, folder, public or folder)
            rate, began = Rate(time.monotonic), time.time()
            served = settings.channels.texts

            def record() -> WorkerRecord:
                return WorkerRecord(
                    name=name,
                    version=version(),
                    started_at=began,
                    running=worker.owned,
                    max_downloads=max_downloads,
                    bytes_per_s=rate.per_second(received.total),
                    channels=served if len(served) <= MAX_REPORTED_CHANNELS else None,
                )

            def totals() -> dict[str, int]:
                return {RECEIVED: received.total}

            async with asyncio.TaskGroup() as group:
                beating = group.create_task(send_heartbeats(census, name, record, totals), name="heartbeat")
                sending = group.create_task(sender.run(stop), name="webhooks")
                await worker.run(stop)
                await sending
                await cancel_and_wait([beating])
    finally:
        await telling.aclose()
        await census.aclose()
        await subscribing.aclose()
        await sharing.aclose()
        await jobs.aclose()
        await broker.aclose()


def stop_on_signals() -> asyncio.Event:
    """Return an event that the first signal sets; the next one has the effect that it has by default."""
    stop, loop, numbers = asyncio.Event(), asyncio.get_running_loop(), stop_signals()

    def on_signal() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    return stop


def main() -> None:
    """Exits with 1 for a setting that makes no sense, and a download folder that can't be written to."""
    argparse.ArgumentParser(
        prog="python -m workers", description="One download worker of Simulcast; its settings come by environment."
    ).parse_args()
    try:
        settings = WorkerSettings.from_environment()
        webhook_keys, url = settings.webhook_keys(), settings.resolved_redis_url()
        notifier = Notifier(settings.notify)
        tracing.configure(settings.tracing_url, "worker")
    except SettingRefused as error:
        sys.exit(f"simulcast: {error}")
    configure("worker", settings.log, settings.log_format)
    try:
        folder = open_folder(settings.download_dir)
    except FolderNotWritable as error:
        sys.exit(str(error))
    try:
        asyncio.run(work(settings, webhook_keys, notifier, url, folder))
    finally:
        tracing.shutdown()
    discard_lost_output()


if __name__ == "__main__":
    main()
