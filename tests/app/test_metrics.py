"""Who names many channels must not make as many series."""

from app.metrics import MAX_LABELLED_CHANNELS, OTHERS, format_metrics
from tests.clocks import Clock
from tests.fake_clients import Socket
from tests.fake_listeners import make_channels
from tests.scraping import Scraped


async def test_many_channels_have_a_bounded_number_of_series_and_no_client_is_left_out() -> None:
    channels, _ = make_channels(Clock())
    for number in range(MAX_LABELLED_CHANNELS + 5):
        feed = await channels.follow(f"channel-{number:02}")
        for _ in range(2 if number == 24 else 1):
            feed.hub.join(Socket(feed.hub).client, b"")
    scraped = Scraped(format_metrics(channels, ready=True, stats=None).decode())
    shown = {sample.labels["channel"] for sample in scraped.samples if sample.name == "simulcast_clients"}
    assert len(shown) == MAX_LABELLED_CHANNELS + 1
    assert "channel-24" in shown  # it has most of them
    assert scraped.value("simulcast_clients") == MAX_LABELLED_CHANNELS + 6
    assert scraped.value("simulcast_clients", channel=OTHERS) == 5
