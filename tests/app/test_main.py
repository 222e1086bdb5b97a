"""The application made from its settings."""

import pytest

from app.main import create_app
from simulcast.frontend import FrontEnd
from simulcast.frontend.fanout.hub import FLUSH_BACKOFF_FACTOR, LATENCY_FIRST_FACTOR
from simulcast.frontend.fanout.view import View
from simulcast.settings.front_end import FrontEndSettings
from tests.conditions import until
from tests.valkey import Valkey


@pytest.mark.parametrize("latency_first", [False, True])
async def test_hubs_rest_after_a_flush_as_the_operator_chose(valkey: Valkey, latency_first: bool) -> None:
    settings = FrontEndSettings.from_environment(REDIS_URL=valkey.url, latency_first=latency_first)
    live: FrontEnd = create_app(settings).state.front_end
    async with live.lifespan():
        await until(lambda: live.not_ready() is None, "readiness")
        channels = live.services.channels
        feed = channels.feeds[live.channel]
        hubs = [feed.hub, channels.hub(feed, View(live.channel, with_channel=True))]
        assert {hub.backoff_factor for hub in hubs} == {LATENCY_FIRST_FACTOR if latency_first else FLUSH_BACKOFF_FACTOR}
