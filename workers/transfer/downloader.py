"""One claimed download, from its first byte to its file."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from simulcast.job_queue import report_end, retry_while_unavailable
from simulcast.jobs import Jobs, Lease
from simulcast.model.channel_folder import channel_path
from simulcast.model.download_options import DownloadOptions
from simulcast.model.job_record import event_members, site_of
from workers.disk.checksum import Digest
from workers.disk.completion_marker import CompletionMarker
from workers.disk.file_names import is_first_claim, part_name, published_folder, published_name
from workers.disk.part_file import size_of
from workers.disk.publish import check_subfolder, make_folder, publish, stored_channels
from workers.disk.removal import remove_if_unused, remove_orphans, remove_strays, unlink
from workers.disk.threads import in_thread
from workers.errors import ChecksumMismatch, DownloadFailed
from workers.http.byte_ranges import length
from workers.http.client import Client
from workers.http.rate_limit import BandwidthLimiter
from workers.http.request import FileRequest
from workers.http.response import RemoteFile
from workers.reporter import Reporter
from workers.transfer.fetch import Fetched, fetch
from workers.transfer.fetch_options import FetchOptions
from workers.transfer.limits import WorkerLimits
from workers.transfer.resume_state import from_record, to_record
from workers.transfer.takeover import take_over

_log = logging.getLogger("simulcast.worker")


@dataclass(slots=True)
class _Running:
    """The state of a claim that is being carried out. `source`: of which file the part file is, as last stated.

    `marker`: from when it is noted. `is_recorded`: the record names the part file.
    """

    pace: BandwidthLimiter
    source: RemoteFile | None = None
    marker: CompletionMarker | None = None
    is_recorded: bool = False


@dataclass(slots=True)
class ReceivedBytes:
    """Bytes that downloads received, without those that were there already."""

    total: int = 0


class Downloader:
    """Downloads of one channel into `folder`, which must exist, within `limits`. Each claim has a part file of its own.

    `public_folder`: that folder as clients know it, for `file_path` alone; a next owner needs only names. `received`
    counts. `owns_folder`: the folder is made, and removed, as it is used.
    """

    def __init__(
        self,
        client: Client,
        jobs: Jobs,
        folder: Path,
        limits: WorkerLimits,
        public_folder: str = "",
        received: ReceivedBytes | None = None,
        *,
        owns_folder: bool = False,
    ) -> None:
        self.jobs = jobs
        self._client = client
        self._folder = folder
        self._public_folder = (public_folder or str(folder)).rstrip("/")
        self._limits = limits
        self._received = ReceivedBytes() if received is None else received
        self._owns_folder = owns_folder
        self.orphans_due_s = float("-inf")  # when they are to be looked for
        self._running: dict[str, _Running] = {}  # by token

    async def stored_channels(self) -> list[str]:
        """Return the channels that have a folder in the folder of this one. Raises OSError."""
        return await in_thread(stored_channels, self._folder)

    def in_channel(self, channel: str) -> "Downloader":
        """Return the one of another channel, which has a folder of its own in the folder of this one."""
        if channel == self.jobs.channel:
            return self
        folder, public_folder = self._folder / channel_path(channel), f"{self._public_folder}/{channel_path(channel)}"
        jobs = self.jobs.in_channel(channel)
        return Downloader(self._client, jobs, folder, self._limits, public_folder, self._received, owns_folder=True)

    async def run(self, claim: Lease, on_whole: Callable[[], None] = lambda: None) -> None:
        """Fetch the file, give it its name and report the end; on_whole() is called before that.

        Raises LeaseLost, DownloadFailed and OSError.
        """
        clock = self._limits.clock
        if self._owns_folder:
            await in_thread(self._keep_folder)
        running = _Running(BandwidthLimiter(claim.record.limit_bytes_per_s, clock), from_record(claim.fields))
        self._running[claim.token] = running
        part = self._part(claim)
        # Of a first claim's files there are none, or only such as a failover forgot, which remove_strays finds.
        is_first = is_first_claim(claim.token) and not {"part", "finishing"} & claim.fields.keys()
        published = None if is_first else await in_thread(take_over, self._folder, claim, part)
        if published is None and claim.fields.get("part") and await in_thread(part.exists):
            await self._save(claim, running, {"part": part.name})
        reporter = Reporter(self.jobs, claim, clock)
        if published is None:
            options = _parse_options(claim)
            below = published_folder(options.folder or "")
            if below:
                await in_thread(check_subfolder, self._folder, below)
            fetched = await self._receive(claim, options, part, reporter, running)
            reporter.name = name = published_name(options.name or fetched.source.name or claim.record.name)
            running.marker = CompletionMarker(name, fetched.identity, below)
            fields = {"finishing": str(running.marker), **self._describe(claim, name, part, fetched.source)}
            await self._save(claim, running, fields)
            published = await in_thread(publish, part, self._folder, name, fetched.identity, below), fetched.size
        path, size = published
        on_whole()
        progress, fields = reporter.finish(size)
        place = path.relative_to(self._folder)
        members = {"file_path": f"{self._public_folder}/{place}"}
        if place.parent.name:
            fields |= {"file_folder": str(place.parent)}
        await report_end(self.jobs, claim, "complete", fields | members, members, progress)

    def limit(self, claim: Lease, bytes_per_s: int | None) -> None:
        """Change the download's own limit; None for no limit but the worker's."""
        running = self._running.get(claim.token)
        if running is not None and running.pace.bytes_per_s != bytes_per_s:
            running.pace.change(bytes_per_s)

    async def _receive(
        self, claim: Lease, options: DownloadOptions, part: Path, reporter: Reporter, running: _Running
    ) -> Fetched:
        """Return when every byte is on the disk. Ends as soon as the reporter finds that the lease is lost."""
        try:
            async with asyncio.TaskGroup() as group:
                reporting = group.create_task(reporter.run(), name="reporter")
                fetched = await self._fetch(claim, options, part, reporter, running)
                reporting.cancel()
        except BaseExceptionGroup as errors:
            error = errors.exceptions[0]
            if isinstance(error, ChecksumMismatch):
                await in_thread(part.unlink, missing_ok=True)  # nothing could ever be continued from it
            raise error from None
        return fetched

    async def _save(self, claim: Lease, running: _Running, fields: Mapping[str, str]) -> None:
        await retry_while_unavailable(lambda: self.jobs.save(claim, fields))
        running.is_recorded = True

    def _describe(self, claim: Lease, name: str, part: Path, source: RemoteFile) -> dict[str, str]:
        record = claim.record
        return {
            "part": part.name,
            **to_record(source),
            "name": name,
            "about": event_members(record.download_id, name, record.url, record.owner, claim.traceparent),
            "total": "null" if source.total is None else str(source.total),
        }

    async def _fetch(
        self, claim: Lease, options: DownloadOptions, part: Path, reporter: Reporter, running: _Running
    ) -> Fetched:
        async def on_source(source: RemoteFile) -> None:
            running.source = source
            reporter.name = options.name or source.name or claim.record.name
            await self._save(claim, running, self._describe(claim, reporter.name, part, source))

        before: int | None = None

        def on_bytes(received: int, total: int | None) -> None:
            nonlocal before
            if before is not None and received > before:  # it begins with what is resumed, or again with nothing
                self._received.total += received - before
            before = received
            reporter.on_bytes(received, total)

        def on_left(source: RemoteFile) -> None:
            running.source = source

        url = claim.fields["url"]
        digest = Digest(options.checksum) if options.checksum else None
        request = FileRequest(self._client, url, options, self._limits.proxies)
        fetch_options = FetchOptions(
            request, part, on_bytes, on_source, running.pace, digest, site_of(url), on_left, reporter.on_checked
        )
        return await fetch(fetch_options, self._limits, running.source)

    def forget(self, claim: Lease) -> None:
        """Drop the state of a claim that has ended."""
        self._running.pop(claim.token, None)

    def part_file_fields(self, claim: Lease) -> dict[str, str]:
        """Return the record's fields about the part file, if there is one: the last save may not have arrived."""
        part, running = self._part(claim), self._running.get(claim.token)
        if not part.exists():
            return {}
        return {"part": part.name} | (to_record(running.source) if running is not None and running.source else {})

    def received(self, claim: Lease) -> int:
        """Return how many bytes of the file are on the disk."""
        running = self._running.get(claim.token)
        if running is not None and running.source is not None and running.source.done is not None:
            return length(running.source.done)
        return size_of(self._part(claim))

    async def discard(self, claim: Lease) -> None:
        """Remove everything that the claim has written, for a download that was cancelled."""
        running = self._running.get(claim.token)
        written = [self._part(claim).name]
        if running is not None and running.marker is not None:
            written.append(f"\n{running.marker}")
        await in_thread(remove_orphans, self._folder, written)

    def remove_unrecorded(self, claim: Lease) -> None:
        """Remove the part file of a lost lease that no record names: no next owner could continue it."""
        running = self._running.get(claim.token)
        if running is not None and not running.is_recorded:
            unlink(self._part(claim))

    async def remove_orphans(self, worker: str, is_own_host: bool = True) -> None:
        """Remove files of that worker's host that no download owns any more. Those of another host may lie elsewhere.

        Those that can't be removed now are kept for `remove_strays`. Raises BrokerUnavailable.
        """
        kept = 0
        while orphans := await self.jobs.orphaned_files(worker, kept):
            removed, failed = await in_thread(remove_orphans, self._folder, orphans)
            if is_own_host:
                await self.jobs.postpone_orphans(worker, failed)
            settled = orphans if is_own_host else removed
            await self.jobs.forget_orphans(worker, settled)
            kept += len(orphans) - len(settled)

    async def remove_strays(self, hosts: Iterable[str]) -> None:
        """Remove part files that no record names and that were not written for a while, and orphans of these hosts.

        A worker that replaces another one in a new container has another host's name, and may have the same folder.
        Raises BrokerUnavailable, OSError.
        """
        part_files = await self.jobs.part_files()
        if not self._owns_folder or await in_thread(self._folder.exists):
            await in_thread(remove_strays, self._folder, part_files, self._running)
        for host in hosts:
            await self.remove_orphans(host, is_own_host=False)
        if self._owns_folder:
            await in_thread(remove_if_unused, self._folder)

    def _keep_folder(self) -> None:
        """Make the folder where there is none, and keep it from being removed as unused."""
        for folder in (self._folder.parent, self._folder):
            make_folder(folder)
        os.utime(self._folder)

    def _part(self, claim: Lease) -> Path:
        return self._folder / part_name(claim.record.download_id, claim.token)


def _parse_options(claim: Lease) -> DownloadOptions:
    try:
        return DownloadOptions.from_json(claim.fields.get("options"))
    except ValueError as error:
        raise DownloadFailed(str(error)) from None
