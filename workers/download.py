"""One claimed download, from its first byte to its file."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import aiohttp

from simulcast.jobs import Claim, Jobs
from simulcast.records import about
from workers.answer import Source
from workers.fetch import Fetched, fetch
from workers.filenames import is_part_of, part_name
from workers.files import publish
from workers.finishing import Finishing
from workers.reporter import Reporter, insist
from workers.threads import in_thread


class Downloader:
    """Downloads into `folder`, which must exist. Each claim writes a part file of its own.

    `told_folder`: that folder as clients know it. Only `file_path` says it; what a next owner needs is told by names.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        jobs: Jobs,
        folder: Path,
        clock: Callable[[], float],
        told_folder: str = "",
    ) -> None:
        self._session = session
        self._jobs = jobs
        self._folder = folder
        self._told_folder = (told_folder or str(folder)).rstrip("/")
        self._clock = clock
        self.received_bytes = 0  # by all downloads, without what was there already
        self._finishing: dict[str, Finishing] = {}  # by token, from when it is noted to the end of the claim

    async def carry_out(self, claim: Claim) -> None:
        """Fetches the file, gives it its name and tells so.

        Raises LeaseLost, failures.DownloadFailed, aiohttp.ClientError and OSError.
        """
        part = self._part(claim)
        if await in_thread(self._take_over, claim, part):
            await insist(lambda: self._jobs.note(claim, {"part": part.name}))
        reporter = Reporter(self._jobs, claim, self._clock)
        path = await in_thread(self._finished_before, claim, part)
        if path is None:
            path = await self._finish(claim, part, await self._receive(claim, part, reporter))
        await reporter.finish(path.stat().st_size)
        told = f"{self._told_folder}/{path.name}"
        end = {"progress": "1.0", "file_path": told}
        await insist(lambda: self._jobs.end(claim, "complete", end, {"file_path": told}))

    async def _receive(self, claim: Claim, part: Path, reporter: Reporter) -> Fetched:
        """Every byte, on the disk. Ends as soon as the reporter says that the lease is lost."""
        telling = asyncio.create_task(reporter.run(), name="reporter")
        fetching = asyncio.create_task(self._fetch(claim, part, reporter), name="fetch")
        try:
            await asyncio.wait([telling, fetching], return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()  # raises LeaseLost
            return await fetching
        finally:
            for task in (telling, fetching):
                task.cancel()
            await asyncio.gather(telling, fetching, return_exceptions=True)

    async def _finish(self, claim: Claim, part: Path, fetched: Fetched) -> Path:
        finishing = await asyncio.to_thread(Finishing.of, part, fetched.source.name or claim.record.name)
        await insist(lambda: self._jobs.note(claim, {"finishing": str(finishing)}))
        self._finishing[claim.token] = finishing
        return await in_thread(publish, part, self._folder, finishing.name)

    def _finished_before(self, claim: Claim, part: Path) -> Path | None:
        """The file, where the owner before had all of it and died before it could tell."""
        finishing = Finishing.parse(claim.fields.get("finishing"))
        if finishing is None:
            return None
        if finishing.matches(part):
            return publish(part, self._folder, finishing.name)
        return finishing.published(self._folder, part)

    def forget(self, claim: Claim) -> None:
        """The claim has ended, and its files are somebody else's business."""
        self._finishing.pop(claim.token, None)

    def left(self, claim: Claim) -> dict[str, str]:
        """What the record must say of the part file, if there is one: its last note may not have arrived."""
        part = self._part(claim)
        return {"part": part.name} if part.exists() else {}

    async def discard(self, claim: Claim) -> None:
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

    def _part(self, claim: Claim) -> Path:
        return self._folder / part_name(claim.record.download_id, claim.token)

    def _take_over(self, claim: Claim, part: Path) -> bool:
        """What the owner before left becomes the claim's own part file, by rename; False where it left nothing here.

        What other owners left without telling goes: only of the noted file is it known what it is a beginning of.
        """
        download_id, left = claim.record.download_id, Path(claim.fields.get("part", "")).name
        mine = [path for path in self._folder.iterdir() if is_part_of(path.name, download_id)]
        for path in mine:
            with suppress(FileNotFoundError):  # a stale owner may be doing the same
                path.rename(part) if path.name == left else path.unlink()
        return part.exists()

    async def _fetch(self, claim: Claim, part: Path, reporter: Reporter) -> Fetched:
        async def on_source(source: Source) -> None:
            record = claim.record
            name = source.name or record.name
            fields = {
                "part": part.name,
                "etag": source.etag or "",
                "size": "" if source.total is None else str(source.total),
                "name": name,
                "about": about(record.download_id, name, record.url),
                "total": "null" if source.total is None else str(source.total),
            }
            await insist(lambda: self._jobs.note(claim, fields))

        before: int | None = None

        def on_bytes(received: int, total: int | None) -> None:
            nonlocal before
            if before is not None and received > before:  # it begins with what is resumed, or anew with nothing
                self.received_bytes += received - before
            before = received
            reporter.on_bytes(received, total)

        return await fetch(
            self._session,
            claim.fields["url"],
            part,
            _source(claim),
            on_bytes,
            on_source=on_source,
        )


def _source(claim: Claim) -> Source | None:
    """What the owner before was sending, if that lets this one go on."""
    etag, size = claim.fields.get("etag"), claim.fields.get("size")
    return Source(etag, int(size) if size else None) if etag else None
