"""Jobs by REST, with ids as people choose them."""

import secrets
from urllib.parse import quote

import pytest

from simulcast.broker import Broker
from simulcast.job_handle import queue_job
from simulcast.model.events import progress_event
from tests.json_requests import send_json
from tests.service import FrontEnd


@pytest.mark.parametrize("suffix", ["", "/1", "?x#y", "/cancel", "é %2F"])
async def test_a_job_is_read_cancelled_and_removed_by_any_id(shared_front_end: FrontEnd, suffix: str) -> None:
    job_id = f"renders-{secrets.token_hex(4)}{suffix}"
    await queue_job(job_id, url=shared_front_end.redis_url)
    path = f"/jobs/{quote(job_id, safe='')}"
    answer = await send_json(shared_front_end, "GET", path)
    assert (answer.status, answer.body["job_id"], answer.body["state"]) == (200, job_id, "queued")
    assert (await send_json(shared_front_end, "POST", f"{path}/cancel", {})).status == 200
    assert (await send_json(shared_front_end, "GET", path)).body["state"] == "cancelled"
    assert (await send_json(shared_front_end, "DELETE", path)).status == 200
    assert (await send_json(shared_front_end, "GET", path)).status == 404


async def test_what_another_program_publishes_is_removed_by_any_id(
    shared_front_end: FrontEnd, shared_broker: Broker
) -> None:
    download_id = f"of/{secrets.token_hex(4)}?"
    await shared_broker.publish(progress_event(download_id, 0.5, 1))
    path = f"/downloads/{quote(download_id, safe='')}"
    assert [(await send_json(shared_front_end, "DELETE", path)).status for _ in range(2)] == [200, 404]


@pytest.mark.parametrize("family", ["jobs", "downloads"])
async def test_an_id_that_none_can_have_is_unknown(shared_front_end: FrontEnd, family: str) -> None:
    assert (await send_json(shared_front_end, "DELETE", f"/{family}/a%0Ab")).status == 404
