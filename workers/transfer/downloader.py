"""One claimed download, from its first byte to its file."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import aiohttp

from simulcast.jobs import Jobs, Lease
from simulcast.model.download_options import DownloadOptions
from simulcast.model.job_record import event_members, site_of
from workers.disk.checksum import Digest
from workers.disk.completion_marker import CompletionMarker
from workers.disk.file_names import is_after, is_part_of, part_name
from workers.disk.part_file import size_of
from workers.disk.publish import publish
from workers.disk.threads import in_thread
from workers.errors import ChecksumMismatch, DownloadFailed
from workers.http.byte_ranges import length
from workers.http.rate_limit import BandwidthLimiter
from workers.http.request import RequestOptions
from workers.http.response import RemoteFile
from workers.reporter import Reporter, retry_while_unavailable
from workers.transfer.fetch import Fetched, fetch
from workers.transfer.fetch_options import FetchOptions
from workers.transfer.limits import WorkerLimits
from workers.transfer.resume_state import from_record, to_record


class Downloader:
    """Downloads into `folder`, which must exist, by the worker's `rules`. Each claim writes a part file of its own.

    `told_folder`: that folder as clients know it. Only `file_path` says it; what a next owner needs is told by names.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        jobs: Jobs,
        folder: Path,
        clock: Callable[[], float],
        rules: WorkerLimits,
        told_folder: str = "",
    ) -> None:
        self._session = session
        self._jobs = jobs
        self._folder = folder
        self._told_folder = (told_folder or str(folder)).rstrip("/")
        self._clock = clock
        self._rules = rules
        self.received_bytes = 0  # by all downloads, without what was there already
        self._finishing: dict[str, CompletionMarker] = {}  # by token, from when it is noted to the end of the claim
        self._paces: dict[str, BandwidthLimiter] = {}  # by token, while the claim is carried out
        self._sources: dict[str, RemoteFile] = {}  # by token: what the part file is of, as last stated

    async def run(self, claim: Lease) -> None:
        """Fetches the file, gives it its name and tells so.

        Raises LeaseLost, failures.DownloadFailed, aiohttp.ClientError and OSError.
        """
        self._paces[claim.token] = BandwidthLimiter(claim.record.limit_bytes_per_s, self._clock)
        part = self._part(claim)
        if await in_thread(self._take_over, claim, part):
            await retry_while_unavailable(lambda: self._jobs.save(claim, {"part": part.name}))
        reporter = Reporter(self._jobs, claim, self._clock)
        path = await in_thread(self._already_published, claim, part)
        if path is None:
            options = _options(claim)
            fetched = await self._receive(claim, options, part, reporter)
            path = await self._finish(claim, part, options.name or fetched.source.name or claim.record.name)
        await reporter.finish(path.stat().st_size)
        told = f"{self._told_folder}/{path.name}"
        end = {"progress": "1.0", "file_path": told}
        await retry_while_unavailable(lambda: self._jobs.finish(claim, "complete", end, {"file_path": told}))

    def limit(self, claim: Lease, bytes_per_s: int | None) -> None:
        """From now on; None for no limit but the worker's."""
        pace = self._paces.get(claim.token)
        if pace is not None and pace.bytes_per_s != bytes_per_s:
            pace.change(bytes_per_s)

    async def _receive(self, claim: Lease, options: DownloadOptions, part: Path, reporter: Reporter) -> Fetched:
        """Every byte, on the disk. Ends as soon as the reporter says that the lease is lost."""
        telling = asyncio.create_task(reporter.run(), name="reporter")
        fetching = asyncio.create_task(self._fetch(claim, options, part, reporter), name="fetch")
        try:
            await asyncio.wait([telling, fetching], return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()  # raises LeaseLost
            return await fetching
        except ChecksumMismatch:
            await in_thread(part.unlink, missing_ok=True)  # nothing could ever be continued from it
            raise
        finally:
            for task in (telling, fetching):
                task.cancel()
            await asyncio.gather(telling, fetching, return_exceptions=True)

    async def _finish(self, claim: Lease, part: Path, name: str) -> Path:
        finishing = await asyncio.to_thread(CompletionMarker.of, part, name)
        await retry_while_unavailable(lambda: self._jobs.save(claim, {"finishing": str(finishing)}))
        self._finishing[claim.token] = finishing
        return await in_thread(publish, part, self._folder, finishing.name)

    def _already_published(self, claim: Lease, part: Path) -> Path | None:
        """The file, where the owner before had all of it and died before it could tell."""
        finishing = CompletionMarker.parse(claim.fields.get("finishing"))
        if finishing is None:
            return None
        if finishing.matches(part):
            return publish(part, self._folder, finishing.name)
        return finishing.published(self._folder, part)

    def forget(self, claim: Lease) -> None:
        """The claim has ended, and its files are somebody else's business."""
        self._finishing.pop(claim.token, None)
        self._paces.pop(claim.token, None)
        self._sources.pop(claim.token, None)

    def part_file_fields(self, claim: Lease) -> dict[str, str]:
        """What the record must say of the part file, if there is one: its last note may not have arrived."""
        part, source = self._part(claim), self._sources.get(claim.token)
        if not part.exists():
            return {}
        return {"part": part.name} | (to_record(source) if source is not None else {})

    def received(self, claim: Lease) -> int:
        """How many bytes of the file are on the disk."""
        source = self._sources.get(claim.token)
        if source is not None and source.done is not None:
            return length(source.done)
        return size_of(self._part(claim))

    async def discard(self, claim: Lease) -> None:
        """Removes what the claim has written, for a download that was cancelled."""
        part = self._part(claim)
        finishing = self._finishing.get(claim.token)
        published = await asyncio.to_thread(finishing.published, self._folder, part) if finishing else None
        for path in filter(None, (part, published)):
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def remove(self, names: Iterable[str]) -> None:
        """Removes files of the folder that nobody owns any more."""
        for name in names:
            path = self._folder / Path(name).name
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def _part(self, claim: Lease) -> Path:
        return self._folder / part_name(claim.record.download_id, claim.token)

    def _take_over(self, claim: Lease, part: Path) -> bool:
        """What the owner before left becomes the claim's own part file, by rename; False where it left nothing here.

        What other owners left without telling goes: only of the noted file is it known what it is a beginning of. What
        a later owner writes stays: the claim may be a stale one, which a worker that hung learned of too late.
        """
        download_id, part_file_fields = claim.record.download_id, Path(claim.fields.get("part", "")).name
        mine = [path for path in self._folder.iterdir() if is_part_of(path.name, download_id)]
        for path in mine:
            if is_after(path.name, claim.token):
                continue
            with suppress(FileNotFoundError):  # a stale owner may be doing the same
                path.rename(part) if path.name == part_file_fields else path.unlink()
        return part.exists()

    async def _fetch(self, claim: Lease, options: DownloadOptions, part: Path, reporter: Reporter) -> Fetched:
        async def on_source(source: RemoteFile) -> None:
            record = claim.record
            name = options.name or source.name or record.name
            self._sources[claim.token] = source
            fields = {
                "part": part.name,
                **to_record(source),
                "name": name,
                "about": event_members(record.download_id, name, record.url),
                "total": "null" if source.total is None else str(source.total),
            }
            await retry_while_unavailable(lambda: self._jobs.save(claim, fields))

        before: int | None = None

        def on_bytes(received: int, total: int | None) -> None:
            nonlocal before
            if before is not None and received > before:  # it begins with what is resumed, or anew with nothing
                self.received_bytes += received - before
            before = received
            reporter.on_bytes(received, total)

        source = from_record(claim.fields)
        if source is not None:
            self._sources[claim.token] = source
        return await fetch(
            self._session,
            claim.fields["url"],
            part,
            source,
            on_bytes,
            on_source=on_source,
            terms=self._terms(claim, options),
        )

    def _terms(self, claim: Lease, options: DownloadOptions) -> FetchOptions:
        rules = self._rules
        return FetchOptions(
            asking=RequestOptions.of(options, rules.proxies, rules.allow),
            paces=(self._paces[claim.token], rules.pace),
            least=rules.min_speed,
            room=rules.room,
            digest=Digest(options.checksum) if options.checksum else None,
            site=site_of(claim.fields["url"]),
            connections=rules.connections,
            hosts=rules.hosts,
            clock=self._clock,
            on_left=lambda source: self._sources.update({claim.token: source}),
        )


def _options(claim: Lease) -> DownloadOptions:
    try:
        return DownloadOptions.from_json(claim.fields.get("options"))
    except ValueError as error:
        raise DownloadFailed(str(error)) from None
