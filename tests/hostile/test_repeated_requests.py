"""Requests that a client sends again under their command_id, since it lost the answer."""

import json
from dataclasses import replace

import pytest

from simulcast.frontend.grant import FULL_ACCESS, Grant
from simulcast.frontend.requests import answer
from simulcast.frontend.services import Services
from simulcast.model.commands import Request
from simulcast.model.job_record import Query
from tests.hostile.unread import running
from tests.valkey import Valkey

URL = {"url": "http://example.com/a.iso"}
AGAIN = {**URL, "again": True}


async def ask(services: Services, request: Request, grant: Grant = FULL_ACCESS) -> dict[str, object]:
    found: dict[str, object] = json.loads(await answer(request, services, grant))
    assert found["status"] == "accepted", found
    return found


@pytest.mark.parametrize("members", [URL, AGAIN], ids=["once", "again"])
async def test_a_download_is_added_once(valkey: Valkey, channel: str, members: dict[str, object]) -> None:
    async with running(valkey, channel) as (live, _, _):
        request = Request("add_download", "c-1", members)
        first = await ask(live.services, request)
        assert (await ask(live.services, request))["download_id"] == first["download_id"]
        assert (await live.services.jobs.list(Query())).total == 1


async def test_the_same_id_of_another_request_or_user_is_another_one(valkey: Valkey, channel: str) -> None:
    """Clients count, too: their ids are not always random."""
    async with running(valkey, channel) as (live, _, _):
        requests = [Request("add_download", "1", AGAIN | {"url": f"http://example.com/{name}"}) for name in "ab"]
        answers = [await ask(live.services, request) for request in requests]
        others = [await ask(live.services, request, replace(FULL_ACCESS, user="kim")) for request in requests]
        without = [await ask(live.services, Request("add_download", "", AGAIN)) for _ in range(2)]
        assert len({str(each["download_id"]) for each in [*answers, *others, *without]}) == 6


async def test_an_event_is_published_once(valkey: Valkey, channel: str) -> None:
    async with running(valkey, channel) as (live, _, _):
        request = Request("publish", "c-1", {"channel": channel, "event": {"type": "x"}})
        first = await ask(live.services, request)
        assert (await ask(live.services, request))["published"] == first["published"]
        assert (await ask(live.services, replace(request, command_id="c-2")))["published"] != first["published"]


async def test_a_number_that_can_not_be_written_is_refused(valkey: Valkey, channel: str) -> None:
    async with running(valkey, channel) as (live, _, _):
        too_long = 10**5000
        requests = [
            Request("publish", "c-1", {"channel": channel, "event": {"n": too_long}}),
            Request("add_download", "c-1", URL | {"priority": too_long}),
        ]
        for request in requests:
            assert json.loads(await answer(request, live.services, FULL_ACCESS))["status"] == "rejected"
