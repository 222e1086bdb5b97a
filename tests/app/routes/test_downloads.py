"""Answers of the routes of downloads that only a race brings about."""

import json
import secrets
from types import SimpleNamespace
from typing import cast

import pytest
from fastapi import HTTPException, Request
from starlette.types import Message

from app.access.permissions import Access
from app.routes.downloads import add_download
from simulcast.broker import Broker
from simulcast.frontend.grant import FULL_ACCESS
from simulcast.frontend.services import Services
from simulcast.jobs import Jobs
from simulcast.model.channel import ChannelNames
from tests.valkey import Valkey


async def receive() -> Message:
    return {"type": "http.request", "body": json.dumps({"url": "http://example.com/a"}).encode(), "more_body": False}


async def test_a_download_that_is_deleted_while_it_is_added_is_answered_with_the_reason(
    valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker.connect(valkey.url)
    jobs = Jobs.connect(valkey.url, broker, channel)
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * 2 * size)  # the id, and the mark of the submission
    with valkey.admin() as admin:
        admin.set(f"{ChannelNames(channel).job_prefix.replace('job', 'gone')}{'0' * 16}", f"{'0' * 16}\n\n\n\n")
    services = SimpleNamespace(jobs_in=lambda _: jobs, schemes=frozenset({"http"}), files_dir=None)
    app = SimpleNamespace(state=SimpleNamespace(front_end=SimpleNamespace(services=services)))
    request = Request({"type": "http", "method": "POST", "headers": [], "app": app}, receive)
    with pytest.raises(HTTPException, match="was deleted before its submission was confirmed") as refusal:
        await add_download(cast(Services, services), request, Access(FULL_ACCESS, channel))
    assert refusal.value.status_code == 409
    await jobs.aclose()
    await broker.aclose()
