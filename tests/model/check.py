"""The comparison at rest: records, what clients were sent, files, keys, and what the model permits."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.model import folder, jobs, keys
from tests.model.folder import Folder
from tests.model.followers import Follower, joined
from tests.model.model import Model, ModelDownload
from tests.model.stage import Stage
from tests.model.worlds import NO_RECORD, Phase
from tests.service import FrontEnd

Record = Mapping[str, object]
REST_S = 120.0  # by then everything is at rest, also on a busy machine
TRACEBACK = "Traceback"


async def compare_at_rest(stage: Stage, model: Model, followers: Sequence[Follower]) -> list[str]:
    """Wait until all is at rest as the model permits; return what still differs at the deadline."""
    deadline = asyncio.get_running_loop().time() + REST_S
    while True:
        complaints = await _compare(stage, model, followers)
        if not complaints or asyncio.get_running_loop().time() > deadline:
            return complaints
        await asyncio.sleep(0.5)


async def _compare(stage: Stage, model: Model, followers: Sequence[Follower]) -> list[str]:
    listed = [await _records(front_end) for front_end in stage.front_ends]
    records = listed[0]
    if any(other is None for other in listed) or records is None:
        return ["a front-end does not list the downloads"]
    if any(other != records for other in listed):
        return ["front-ends list different downloads"]
    others = [await jobs.records(front_end) for front_end in stage.front_ends]
    own = others[0]
    if own is None or any(other != own for other in others):
        return ["front-ends list different jobs, or none"]
    if running := [record for record in own.values() if record["state"] == "running"]:
        return [f"not at rest: {running}"]
    moving = [key for key, record in records.items() if record["state"] in ("queued", "running")]
    if moving:
        return [f"not at rest: {[records[key] for key in moving]}"]
    scanned = await asyncio.to_thread(folder.scan, stage.downloads)
    stored = await asyncio.to_thread(_stored, stage)
    complaints = [*_adopt(model, records), *jobs.complaints(own, stage.folder, model.cleared_at)]
    # A worker that was stopped in its last step has given the file its name, and `finishing` describes that file.
    published = {key for key, record in stored.items() if record["state"] == "complete" or "finishing" in record}
    for download in model.downloads:
        complaints += _download(download, records, scanned, published, followers)
    complaints += _parts(stage.downloads, scanned, stored)
    known = {download.digest for download in model.downloads}
    complaints += [f"nobody asked for {paths}" for key, paths in scanned.finished.items() if key not in known]
    for follower in (*followers, *[await joined(front_end) for front_end in stage.front_ends]):
        complaints += _follower(follower, {**records, **own})
        complaints += follower.repeated
    complaints += await asyncio.to_thread(lambda: [*keys.complaints(stage)])
    if not complaints:
        _settle(stage, model, followers, records)
    return complaints


def _stored(stage: Stage) -> dict[str, dict[str, str]]:
    with stage.serving().admin() as client:
        return keys.records(client)


async def _records(front_end: FrontEnd) -> dict[str, Record] | None:
    records: dict[str, Record] = {}
    while True:
        status, page = await front_end.get(f"/downloads?limit=500&order=asc&offset={len(records)}")
        if status != 200:
            return None
        listed = page["downloads"]
        assert isinstance(listed, list)
        records |= {str(record["download_id"]): record for record in listed}
        if not listed or len(records) >= int(str(page["total"])):
            return records


def _adopt(model: Model, records: Mapping[str, Record]) -> Iterator[str]:
    """Recognise downloads whose submission was not answered by their address."""
    by_url = {download.url: download for download in model.downloads}
    for key, record in records.items():
        download = by_url.get(str(record["url"]))
        if download is None:
            yield f"the record {key} of {record['url']} belongs to no download"
        elif not download.download_id:
            download.download_id = key
        elif download.download_id != key:
            yield f"{record['url']} has the records {key} and {download.download_id}"


def phases(download: ModelDownload, record: Record | None, has_file: bool) -> set[Phase]:
    """Return the phases that a record and a folder look like."""
    if record is None:
        return {"left"} if has_file else {"absent", "gone"}
    match record["state"]:
        case "paused":
            return {"paused"}
        case "cancelled":
            return {"cancelled"}
        case "complete" if download.worlds.end == "complete":
            return {"complete", "overtaken"}
        case "error" if str(record["error_message"]).startswith("set aside"):
            return {"aside"}
        case "error" if download.worlds.end == "error":
            return {"error", "overtaken"}
    return set()


def _download(
    download: ModelDownload,
    records: Mapping[str, Record],
    scanned: Folder,
    published: set[str],
    followers: Sequence[Follower],
) -> Iterator[str]:
    record = records.get(download.download_id)
    paths = scanned.finished.get(download.digest, ())
    name = f"{download.download_id or 'one without an answer'} (file-{download.number})"
    is_complete = record is not None and record["state"] == "complete"
    may_have_file = record is None or download.download_id in published
    if len(paths) > may_have_file or (is_complete and not paths):
        yield f"{name} has the files {[path.name for path in paths]}, and the record {record}"
        return
    if record is not None and is_complete and Path(str(record["file_path"])).name != paths[0].name:
        yield f"{name} is {paths[0].name}, and its record says {record['file_path']}"
    looks = phases(download, record, bool(paths))
    if download.download_id not in {key for follower in followers for key in follower.overtaken}:
        looks -= {"overtaken"}
    limit = record["limit_bytes_per_s"] if record else None
    difference = download.worlds.difference(looks, int(str(limit)) if limit is not None else None)
    if difference:
        yield f"{name}: {difference}; its record is {record}"


def _parts(path: Path, scanned: Folder, stored: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    named = {record.get("part", "") for record in stored.values() if record["state"] in ("paused", "error")}
    unnamed = scanned.parts - named
    folder.make_old(path, unnamed)
    if unnamed:
        yield f"no record names {sorted(unnamed)}"


def _follower(follower: Follower, records: Mapping[str, Record]) -> Iterator[str]:
    for key, record in records.items():
        if follower.states.get(key) != record["state"]:
            yield f"{follower.name} knows {key} as {follower.states.get(key)}, and it is {record['state']}"
    for key, state in follower.states.items():
        if key not in records and state != "deleted":
            yield f"{follower.name} knows {key} as {state}, and there is no such record"


def _settle(stage: Stage, model: Model, followers: Sequence[Follower], records: Mapping[str, Record]) -> None:
    """Let the model go on from what was observed, and forget downloads that are gone, with their files."""
    scanned = folder.scan(stage.downloads)
    gone: set[ModelDownload] = set()
    for download in model.downloads:
        record = records.get(download.download_id)
        paths = scanned.finished.get(download.digest, ())
        looks = phases(download, record, bool(paths))
        limit = record["limit_bytes_per_s"] if record else None
        download.worlds.observe(looks, int(str(limit)) if limit is not None else None)
        if all(world.phase in NO_RECORD for world in download.worlds.possible):
            gone.add(download)
            for path in paths:
                path.unlink()
            stage.fast.contents.pop(f"file-{download.number}.bin", None)
            for follower in followers:
                follower.forget(download.download_id)
    model.rest(gone)
