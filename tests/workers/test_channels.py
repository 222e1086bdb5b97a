"""A worker of several channels: each has its turn, its records and its folder, and no other's."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from simulcast.download_channels import DownloadChannels
from simulcast.jobs import Jobs
from simulcast.model.channel_folder import channel_folder
from simulcast.model.channel_patterns import ChannelPatterns
from simulcast.model.commands import Command
from simulcast.model.job_record import Query
from simulcast.settings.worker import WorkerSettings
from simulcast.shared_limits import LimitStore
from simulcast.store.factory import topology_from_url
from simulcast.store.topology import Topology
from tests.conditions import eventually, until
from tests.jobs import claim_job
from tests.scripted_server import Reply, Request, Server, honest
from tests.valkey import Valkey
from workers import worker as worker_module
from workers.channels import MAX_CHANNELS, MAX_TURNS, WorkChannels
from workers.claims import Claims
from workers.http.client import Client
from workers.transfer.downloader import Downloader
from workers.transfer.limits import WorkerLimits
from workers.worker import Worker

ALICE, BOB = "user.alice", "user.bob"
USERS = ChannelPatterns.parse(["downloads", "user.*"])


def channels_of(jobs: Jobs, client: Client, folder: Path, servers: Topology, patterns: ChannelPatterns) -> WorkChannels:
    limits = WorkerLimits.from_settings(WorkerSettings(), folder, time.monotonic)
    return WorkChannels(patterns, Downloader(client, jobs, folder, limits), servers)


@asynccontextmanager
async def working(
    url: str, jobs: Jobs, client: Client, folder: Path, patterns: ChannelPatterns = USERS, places: int = 1
) -> AsyncIterator[WorkChannels]:
    """A worker with few places."""
    limits = WorkerLimits.from_settings(WorkerSettings(), folder, time.monotonic)
    stop = asyncio.Event()
    async with aclosing(topology_from_url(url, max_connections=4)) as servers, asyncio.TaskGroup() as group:
        channels = channels_of(jobs, client, folder, servers, patterns)
        store = LimitStore(servers, jobs._broker)
        group.create_task(Worker("host:1", channels, servers, 10, places, limits, store).run(stop))
        try:
            yield channels
        finally:
            stop.set()


def is_state(jobs: Jobs, download_id: str, state: str) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        return (await jobs.get(download_id)).state == state

    return ask


async def test_two_users_with_the_same_id_and_name_get_a_file_each(
    own_valkey: Valkey, own_jobs: Jobs, server: Server, client: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    contents = {"downloads": b"everyone's", ALICE: b"of alice", BOB: b"of bob, longer"}
    for channel, content in contents.items():
        url = server.at(f"/{channel}/f.bin", honest(content))
        await own_jobs.in_channel(channel).submit(url, "same", owner=channel)
    async with working(own_valkey.url, own_jobs, client, folder):
        for channel, content in contents.items():
            jobs = own_jobs.in_channel(channel)
            await eventually(is_state(jobs, "same", "complete"), f"the file of {channel}")
            record = await jobs.get("same")
            assert record.file_path == str(channel_folder(folder, channel) / "f.bin")
            assert Path(record.file_path).read_bytes() == content
            assert record.owner == channel
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert names == ["channels/user.alice/f.bin", "channels/user.bob/f.bin", "f.bin"]


async def test_a_user_who_queued_many_leaves_the_next_place_to_another(
    own_valkey: Valkey, own_jobs: Jobs, server: Server, client: Client, tmp_path: Path
) -> None:
    began: list[str] = []

    def noting(name: str) -> Reply:
        async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
            began.append(name)
            await honest(b"x")(request, writer)

        return reply

    for number in range(6):
        url = server.at(f"/alice-{number}", noting("alice"))
        await own_jobs.in_channel(ALICE).submit(url, f"a{number}")
    await own_jobs.in_channel(BOB).submit(server.at("/bob", noting("bob")), "b")
    async with working(own_valkey.url, own_jobs, client, tmp_path):
        for number in range(6):
            await eventually(is_state(own_jobs.in_channel(ALICE), f"a{number}", "complete"), "alice's downloads")
    assert sorted(began) == ["alice"] * 6 + ["bob"]
    assert began.index("bob") <= 2, began  # the first one may have been claimed before the other channel was known


async def test_channels_are_found_without_a_wake_up_and_by_a_wake_up_alone(
    own_valkey: Valkey, own_jobs: Jobs, server: Server, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own_jobs.in_channel(ALICE).submit(server.at("/a", honest(b"a")), "a")  # before anyone could be woken
    async with working(own_valkey.url, own_jobs, client, tmp_path):
        await eventually(is_state(own_jobs.in_channel(ALICE), "a", "complete"), "what was found")
    searched = asyncio.Event()

    async def find_nothing(_: DownloadChannels) -> set[str]:
        searched.set()
        return set()

    monkeypatch.setattr(DownloadChannels, "with_work", find_nothing)
    async with working(own_valkey.url, own_jobs, client, tmp_path):
        await asyncio.wait_for(searched.wait(), 30)  # it is subscribed by then, or searches again once it is
        number = 0

        async def is_complete() -> bool:
            nonlocal number
            number += 1
            await own_jobs.in_channel(BOB).submit(server.at(f"/b{number}", honest(b"b")), f"b{number}")
            records = (await own_jobs.in_channel(BOB).list(Query())).records
            return any(record.state == "complete" for record in records)

        await eventually(is_complete, "what was woken")


async def test_channels_that_are_not_served_are_left_alone(
    own_valkey: Valkey, own_jobs: Jobs, server: Server, client: Client, tmp_path: Path
) -> None:
    for channel in ("team-a", "users", "user.alice"):
        await own_jobs.in_channel(channel).submit(server.at(f"/{channel}", honest(b"x")), "d")
    async with working(own_valkey.url, own_jobs, client, tmp_path, ChannelPatterns.parse(["user.*"])):
        await eventually(is_state(own_jobs.in_channel("user.alice"), "d", "complete"), "the one that is served")
    for channel in ("team-a", "users"):
        assert (await own_jobs.in_channel(channel).get("d")).state == "queued"


async def test_a_file_is_deleted_in_a_channel_without_work(
    own_valkey: Valkey, own_jobs: Jobs, server: Server, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "SEARCH_INTERVAL_S", 0.01)
    jobs = own_jobs.in_channel(ALICE)
    await jobs.submit(server.at("/f.bin", honest(b"x")), "d")
    async with working(own_valkey.url, own_jobs, client, tmp_path) as channels:
        await eventually(is_state(jobs, "d", "complete"), "the file")
        file = channel_folder(tmp_path, ALICE) / "f.bin"
        assert file.exists()
        await until(lambda: ALICE not in channels.due(), "a channel without work is not asked")
        assert await jobs.command(Command("delete", "d", with_file=True)) is None
        await until(lambda: not file.exists(), "the end of the file")


async def test_part_files_are_removed_by_the_records_of_their_own_channel(
    own_valkey: Valkey, own_jobs: Jobs, client: Client, tmp_path: Path
) -> None:
    part = "same.part.1-a"
    kept, removed = own_jobs.in_channel(ALICE), own_jobs.in_channel(BOB)
    for jobs in (kept, removed):
        await jobs.submit("https://example.com/f", "same")
    await kept.save(await claim_job(kept), {"part": part})
    empty = channel_folder(tmp_path, "user.Carol")
    elsewhere = tmp_path / "channels" / "User.Bob"  # of no channel: that would be user.bob's on some file systems
    for folder in (tmp_path, *(channel_folder(tmp_path, jobs.channel) for jobs in (kept, removed)), empty, elsewhere):
        folder.mkdir(parents=True, exist_ok=True)
        if folder != empty:
            (folder / part).write_bytes(b"x")
            os.utime(folder / part, (0, 0))
    os.utime(empty, (0, 0))
    async with aclosing(topology_from_url(own_valkey.url)) as servers:
        await channels_of(own_jobs, client, tmp_path, servers, USERS).remove_strays()
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.part.*"))
    assert files == [f"channels/User.Bob/{part}", f"channels/user.alice/{part}"]
    assert not empty.exists() and channel_folder(tmp_path, BOB).exists()


async def test_a_folder_that_can_not_be_read_keeps_no_files_of_other_channels(
    own_valkey: Valkey, own_jobs: Jobs, client: Client, tmp_path: Path
) -> None:
    folder = channel_folder(tmp_path, BOB)
    folder.mkdir(parents=True)
    stray = folder / "same.part.1-a"
    stray.write_bytes(b"x")
    os.utime(stray, (0, 0))
    channel_folder(tmp_path, ALICE).write_text("a file has its name")
    patterns = ChannelPatterns.parse([ALICE, "user.*"])
    async with aclosing(topology_from_url(own_valkey.url)) as servers:
        await channels_of(own_jobs, client, tmp_path, servers, patterns).remove_strays()
    assert not stray.exists()


async def test_each_channel_is_asked_in_its_turn_and_what_has_no_work_is_dropped(
    own_valkey: Valkey, own_jobs: Jobs, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: set[str] = set()

    async def find(_: DownloadChannels) -> set[str]:
        channels.wake("user.meanwhile")
        return found

    monkeypatch.setattr(DownloadChannels, "with_work", find)
    async with aclosing(topology_from_url(own_valkey.url)) as servers:
        channels = channels_of(own_jobs, client, tmp_path, servers, USERS)
        assert channels.due() == ["downloads"]
        assert not channels.wake("team-a") and not channels.wake("user./..") and not channels.wake("")
        assert channels.wake(ALICE) and channels.wake(BOB)
        for channel in (ALICE, "downloads"):
            channels.begin_turn(channel)
        assert channels.due() == [BOB, ALICE, "downloads"]
        found = {"user.found", "team-a"}
        await channels.search({ALICE})
        assert set(channels.due()) == {"downloads", ALICE, BOB, "user.found", "user.meanwhile"}  # BOB was not asked yet
        for channel in channels.due():
            channels.begin_turn(channel)
        found = set()
        await channels.search(())
        assert set(channels.due()) == {"downloads", "user.meanwhile"}


async def test_of_very_many_channels_some_are_asked_and_the_rest_are_left_for_later(
    own_valkey: Valkey, own_jobs: Jobs, client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with aclosing(topology_from_url(own_valkey.url)) as servers:
        channels = channels_of(own_jobs, client, tmp_path, servers, USERS)
        woken = [f"user.{number}" for number in range(MAX_CHANNELS + 5)]
        assert sum(map(channels.wake, woken)) == MAX_CHANNELS - 1  # `downloads` is always there
        for channel in woken:
            channels.begin_turn(channel)
        asked: set[str] = set()
        while "downloads" not in asked or len(asked) < MAX_CHANNELS:
            due = channels.due()
            assert len(due) == MAX_TURNS and not asked & set(due)
            for channel in due:
                channels.begin_turn(channel)
            asked |= set(due)
        for channel in ("downloads", *woken):
            channels.begin_turn(channel)


async def test_a_server_that_is_away_holds_up_its_own_channels_alone(
    own_valkey: Valkey, own_jobs: Jobs, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels of two servers, of which one answers no claim."""
    away, asked = asyncio.Event(), list[str]()

    async def claim(downloader: Downloader) -> bool:
        channel = downloader.jobs.channel
        asked.append(channel)
        channels.begin_turn(channel)
        if channel == ALICE:
            await away.wait()
        return False

    async def client_for(channel: str) -> str:
        return "away" if channel in (ALICE, "user.carol") else "here"

    async with aclosing(topology_from_url(own_valkey.url)) as servers, asyncio.TaskGroup() as group:
        channels = channels_of(own_jobs, client, tmp_path, servers, USERS)
        monkeypatch.setattr(servers, "client_for", client_for)
        monkeypatch.setattr(servers, "is_sharded", True)
        for channel in ("user.carol", ALICE, BOB):  # the last one is the first to be asked
            channels.wake(channel)
        again = asyncio.Event()
        async with Claims(channels, servers, claim, lambda: False, again.set) as claims:

            async def is_asked_often() -> bool:
                await claims.ask(group)
                return asked.count(BOB) >= 3

            await eventually(is_asked_often, "turns at the server that answers")
            assert asked.count(ALICE) == 1 and "user.carol" not in asked
            again.clear()
            away.set()
            await until(again.is_set, "another round")
        assert "user.carol" in asked
