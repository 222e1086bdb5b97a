"""A release from before the index of lists: its data are listed by this one, and it may go on beside this one."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from simulcast.model.channel import ChannelNames
from simulcast.model.job_record import event_members
from simulcast.store import functions
from tests.older_release import older_release
from tests.service import FrontEnd, Program
from tests.valkey import Valkey

pytestmark = pytest.mark.long
COUNT = 10_000


class OlderFrontEnd(FrontEnd):
    program = ("-m", "tests.older_release", "app")


def submit_as_before(server: Valkey, ids: Iterable[str]) -> None:
    names = ChannelNames()
    keys = [*names.stream_keys, *names.job_keys]
    with server.admin() as client, older_release(), client.pipeline(transaction=False) as pipe:
        client.execute_command("FUNCTION LOAD", functions.code())
        for download_id in ids:
            url = f"http://example.com/{download_id}"
            about = event_members(download_id, download_id, url, None)
            args: list[functions.Argument] = [
                names.pubsub,
                1000,
                download_id,
                about,
                url,
                "",
                download_id,
                0,
                download_id,
                0,
                "",
                "",
            ]
            pipe.execute_command(*functions.fcall("submit", keys, args))
            if len(pipe) == 500:
                pipe.execute()
        pipe.execute()


@pytest.mark.timeout(180)
async def test_the_records_of_a_release_without_an_index_are_listed_while_it_still_runs(
    own_valkey: Valkey, tmp_path: Path, programs: list[Program]
) -> None:
    submit_as_before(own_valkey, (f"d{n}" for n in range(COUNT)))
    own_valkey.kill()
    own_valkey.start()  # with the data folder of that release
    older, newer = (release(own_valkey.url, tmp_path / release.__name__) for release in (OlderFrontEnd, FrontEnd))
    programs += [older, newer]
    for front_end in (older, newer):
        await front_end.ready()
    status, page = await newer.get("/downloads?state=queued&order=asc&limit=2")
    assert (status, page["total"]) == (200, COUNT)
    for n in range(20):
        status, _ = await (older if n % 3 else newer).post(f"/downloads/d{n}/pause", {})
        assert status == 200
        status, page = await newer.get("/downloads?state=paused&order=asc&sort=updated_at&limit=500")
        downloads = page["downloads"]
        assert isinstance(downloads, list)
        assert [record["download_id"] for record in downloads] == [f"d{number}" for number in range(n + 1)]
        status, page = await newer.get("/downloads?state=queued&limit=1")
        assert (page["total"], status) == (COUNT - n - 1, 200)
    assert (await older.delete("/downloads/d0"))[0] == 200
    assert (await newer.get("/downloads?limit=1"))[1]["total"] == COUNT - 1
