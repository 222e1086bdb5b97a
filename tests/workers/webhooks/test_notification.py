"""People are told of ends by Apprise, whose services are the operator's."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import web

from simulcast.errors import SettingRefused
from simulcast.webhooks import Delivery
from workers.webhooks.notification import NotificationFailed, Notifier, describe, is_notification

MakeDelivery = Callable[..., Delivery]
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # that Apprise imports


@pytest.mark.parametrize("status", [200, 500])
async def test_a_service_gets_the_outcome_and_a_failure_is_one(delivery: MakeDelivery, status: int) -> None:
    got = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    notifier = Notifier([f"json://user:secret@127.0.0.1:{runner.addresses[0][1]}/"])
    (address,) = notifier.addresses
    assert is_notification(address) and "secret" not in address
    try:
        await notifier.notify(replace(delivery(), address=address))
        assert status == 200
    except NotificationFailed:
        assert status == 500
    finally:
        await runner.cleanup()
    assert [(message["title"], message["message"]) for message in got] == [("d is complete", "/d")]


async def test_a_service_that_another_worker_has_is_a_failure(delivery: MakeDelivery) -> None:
    with pytest.raises(NotificationFailed, match="SIMULCAST_NOTIFY alike"):
        await Notifier([]).notify(delivery("notify:0"))


def test_an_address_that_no_service_has_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingRefused, match="number 2 of the addresses") as caught:
        Notifier(["json://127.0.0.1/", "nothing://secret"])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"type": "job_error", "job_id": "j", "name": "n", "error_message": "no"}, ("n failed", "no")),
        ({"type": "download_cancelled", "download_id": "d", "channel": "c"}, ("d was cancelled", "c")),
        ({"type": "render", "channel": "c"}, ("render has ended", "c")),
    ],
)
def test_each_end_has_words(event: dict[str, str], text: tuple[str, str]) -> None:
    assert describe(json.dumps(event).encode()) == text
