"""The answers of a front-end to requests, byte by byte."""

import re
from types import SimpleNamespace
from typing import cast

import pytest

from simulcast.broker import Broker
from simulcast.frontend.grant import FULL_ACCESS, Grant
from simulcast.frontend.requests import answer
from simulcast.frontend.services import Services
from simulcast.jobs import Jobs
from simulcast.model.channel import DEFAULT_CHANNEL
from simulcast.model.command_parser import parse
from simulcast.model.commands import Request
from simulcast.model.download_url import WEB
from tests.contract_examples import ANSWERED, FROM_CLIENT, FROM_SERVER

_VARYING = {
    re.compile(r'"(created|updated)_at":[0-9.]+'): r'"\1_at":1790000000.0',
    re.compile(r'"queue_rank":[0-9.]+'): '"queue_rank":1790000000000.0',
    re.compile(r'"published":"[0-9]+-[0-9]+"'): '"published":"1790000000000-17"',
}


@pytest.mark.parametrize("grant", [FULL_ACCESS, Grant({"watch", "command"})])
async def test_a_front_end_answers_the_requests_of_the_examples(
    jobs: Jobs, broker: Broker, channel: str, grant: Grant
) -> None:
    services = cast(
        Services,
        SimpleNamespace(jobs_in=lambda _: jobs, broker=broker, channel=DEFAULT_CHANNEL, schemes=WEB, files_dir=None),
    )

    async def told(example: str) -> str:
        request = parse(FROM_CLIENT[example].decode().replace("reports", channel))
        assert isinstance(request, Request)
        text = (await answer(request, services, grant)).replace(channel, "reports")
        for pattern, replacement in _VARYING.items():
            text = pattern.sub(replacement, text)
        return text

    shown = {"command_result.no_download_by_id": await told("get_download.by_id")}
    for name, example in ANSWERED.items():
        if name not in ("command_result.no_download_by_id", "command_result.not_allowed_by_id"):
            shown[name] = await told(example)
    if grant is not FULL_ACCESS:
        shown["command_result.not_allowed_by_id"] = shown.pop("command_result.published_by_id")
    for name, text in shown.items():
        assert text == FROM_SERVER[name].decode()
