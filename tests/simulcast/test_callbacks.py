"""Callbacks are named by the programs that run jobs, and are web addresses."""

from contextlib import aclosing

import pytest

import simulcast
from simulcast import background
from simulcast.errors import InvalidEvent
from simulcast.model.download_options import DownloadOptions
from simulcast.model.own_job import about
from simulcast.own_jobs import OwnJobs
from simulcast.store.factory import topology_from_url
from simulcast.store.topology import Topology
from simulcast.webhooks import Webhooks
from tests.valkey import Valkey

CALLBACK = "https://c.example/?secret=x"


async def test_a_job_that_is_tried_again_has_not_ended(topology: Topology, any_jobs: OwnJobs, channel: str) -> None:
    await any_jobs.start("j", about("j", "", "", "", CALLBACK), "t", "here")
    await any_jobs.end("j", "t", "queued", error_message="later")
    assert (await Webhooks(topology, ["https://a.example/"]).take(channel, 9, {})).deliveries == []


async def test_a_job_of_another_program_names_its_callback(
    valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_shared", {})
    async with simulcast.job("j", channel=channel, url=valkey.url, callback_url=CALLBACK):
        pass
    async with aclosing(topology_from_url(valkey.url)) as servers:
        (delivery,) = (await Webhooks(servers, []).take(channel, 9, {})).deliveries
    assert (delivery.address, delivery.publication.key) == (CALLBACK, "j")


@pytest.mark.parametrize("url", ["ftp://a.example/", "https://", "https://a b/", f"https://a.example/{'x' * 2048}"])
def test_what_is_no_web_address_is_no_callback(url: str) -> None:
    with pytest.raises(InvalidEvent, match="callback_url"):
        simulcast.job("j", callback_url=url)
    with pytest.raises(ValueError, match="callback_url"):
        DownloadOptions(callback_url=url)
