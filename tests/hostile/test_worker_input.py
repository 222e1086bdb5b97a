"""Odd headers, logins and names at every place of a worker, at random: each costs its own download at most."""

import asyncio
import os
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from simulcast.broker import Broker
from simulcast.job_queue import ClaimedJob
from simulcast.jobs import Jobs
from simulcast.model.channel_patterns import ChannelPatterns
from simulcast.settings.worker import WorkerSettings
from simulcast.shared_limits import LimitStore
from simulcast.store.factory import topology_from_url
from tests.conditions import eventually
from tests.fetching import LOCAL
from tests.jobs import claim_job, history
from tests.scripted_server import Request, Server
from tests.valkey import Valkey
from workers.channels import WorkChannels
from workers.http import retry_policy
from workers.http.client import Client
from workers.http.retry_policy import RetryPolicy
from workers.transfer.downloader import Downloader
from workers.transfer.limits import WorkerLimits
from workers.worker import Worker

DATE, LATE = b"Wed, 21 Oct 2015 07:28:00 GMT", b"Fri, 31 Dec 9999 23:59:59 -2359"
TEXTS = [
    b"",
    b"\xff",
    b"\xed\xa0\x80",
    "日本".encode(),
    b"9" * 400,
    b"-1",
    b"1e999",
    b'"\\',
    b"=?utf-8?b?A?=",
    b"%00%ff",
    b"x" * 4000,
]
FIELDS = {
    b"ETag": [b'"v1"', b'W/"v1"', b'"\xff"', b'W/"\xff"', b'"' + "ü".encode() + b'"'],
    b"Last-Modified": [DATE, DATE + b" \xff", DATE + " (日)".encode(), b"Mon, 01 Jan 0001 00:00:00 GMT", LATE],
    b"Date": [DATE, b"Mon, 01 Jan 0001 00:00:00 +2359"],
    b"Content-Disposition": ["filename==?ü?q?x?=".encode(), b"filename=\xff", b"filename*=utf-8''%ff"],
    b"Content-Type": [b"multipart/byteranges", b"text/html; charset=\xff"],
    b"Content-Encoding": [b"gzip", b"\xff", b"gzip, br"],
    b"Content-Range": [b"bytes 0-9/10", b"bytes 9-0/\xff"],
    b"Retry-After": [DATE + b" \xff", LATE, b"0.5"],
    b"Location": [b"/\xff", b"//[::1", b"http://a%00:b@127.0.0.1/", b"http://\xff/", b"?" + b"\xed\xa0\x80"],
    b"Set-Cookie": [b"\xff=\xff", b"a=b; Expires=" + DATE + b"\xff"],
    b"WWW-Authenticate": [b'Digest realm="\xff", nonce="n"', b"Digest", b"Basic"],
}  # fmt: skip
LOGINS = ["", "", "u:p@", "%C3%BC:%C3%A4@", "a%00:b@", "a:b%0d%0a@", "%FF:%FF@", ":@"]


def draw_answer(rng: random.Random) -> bytes:
    """Return a response, often one that is cut: what it stated is saved, and comes back with the next try."""
    status = rng.choice([200, 200, 200, 200, 206, 302, 401, 416, 429, 503])
    lines = [b"HTTP/1.1 %d X" % status, b"Content-Length: %d" % rng.choice([3_000, 5_000])]
    for name in rng.sample(sorted(FIELDS), rng.choice([1, 2, 3])):
        lines.append(name + b": " + rng.choice([*FIELDS[name], rng.choice(TEXTS)]))
    return b"\r\n".join([*lines, b"Connection: close", b"", b""]) + bytes(3_000)


@pytest.mark.parametrize("seed", [1, pytest.param(random.randrange(10**6), id="random", marks=pytest.mark.long)])
async def test_whatever_servers_send_each_download_ends_for_a_reason_and_the_worker_goes_on(
    seed: int, valkey: Valkey, channel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_policy, "MAX_RETRY_AFTER_S", 0.5)  # some servers ask for more than an hour
    rng, stop, ids = random.Random(seed), asyncio.Event(), []
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))  # of a name that is no UTF-8, too
    folder.mkdir()
    broker, topology = Broker.connect(valkey.url), topology_from_url(valkey.url)
    jobs = Jobs.connect(valkey.url, broker, channel)

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(draw_answer(rng))

    async with Server() as server, Client(LOCAL, read_timeout_s=0.5) as client:
        settings = WorkerSettings(downloads_per_host=20)
        limits = WorkerLimits.from_settings(settings, folder, time.monotonic)
        limits = replace(limits, retries=RetryPolicy(2, 0.01))
        downloader = Downloader(client, jobs, folder, limits)
        channels = WorkChannels(ChannelPatterns((channel,)), downloader, topology)
        worker = Worker("h:1", channels, topology, 10, 20, limits, LimitStore(topology, broker))
        working = asyncio.create_task(worker.run(stop))
        for number in range(80):
            # `Location` leads there, too.
            path = server.at(f"/{number}", reply).partition("//")[2]
            url = f"http://{rng.choice(LOGINS)}{path}"
            ids.append((await jobs.submit(url, f"d{number}")).download_id)
        for path in ("/%FF", "/%ED%A0%80", "/"):
            server.at(path, reply)

        async def all_have_ended() -> bool:
            assert not working.done(), "the worker ended"
            states = {(await jobs.get(download_id)).state for download_id in ids}
            return states <= {"complete", "error"}

        await eventually(all_have_ended, f"the end of every download, with the seed {seed},")
        stop.set()
        await working
    records = [await jobs.get(download_id) for download_id in ids]
    wrong = [record for record in records if "unexpected" in (record.error_message or "")]
    assert wrong == [], f"seed {seed}"
    assert {record.state for record in records} == {"complete", "error"}
    str(await history(broker, channel)).encode()  # raises where clients would get text that has no UTF-8
    await jobs.aclose()
    await broker.aclose()
    await topology.aclose()


async def test_a_file_name_that_is_no_utf_8_ends_its_own_job_and_no_call_of_others(
    valkey: Valkey, channel: str
) -> None:
    broker = Broker.connect(valkey.url)
    jobs = Jobs.connect(valkey.url, broker, channel)
    for download_id in ("a", "b"):
        await jobs.submit("http://example.com/x", download_id)
    odd, other = [ClaimedJob(jobs, await claim_job(jobs), 30) for _ in "ab"]
    ends = odd.end("complete", file_path=os.fsdecode(b"/videos/\xff.mp4")), other.end("complete", file_path="/videos/b")
    assert set(await asyncio.gather(*ends)) == {"complete"}
    assert (await jobs.get("a")).file_path == "/videos/?.mp4"
    await jobs.aclose()
    await broker.aclose()
