"""The way of a delivery: by HTTP, by the operator's script, or to people."""

from collections.abc import Awaitable, Callable

from simulcast.webhooks import SCRIPT, Delivery
from workers.webhooks.notification import Notifier, is_notification
from workers.webhooks.post import Poster
from workers.webhooks.script import Script, ScriptFailed


def deliver_by(poster: Poster, notifier: Notifier, script: Script | None) -> Callable[[Delivery], Awaitable[None]]:
    """Return the function that delivers; it raises DownloadFailed, with the reason, where that fails."""

    async def deliver(delivery: Delivery) -> None:
        if is_notification(delivery.address):
            await notifier.notify(delivery)
        elif delivery.address != SCRIPT:
            await poster.post(delivery)
        elif script is not None:
            await script.run(delivery)
        else:  # another worker may have it, or had it before
            raise ScriptFailed("this worker has no script: set SIMULCAST_ON_END for all workers, or for none")

    return deliver
