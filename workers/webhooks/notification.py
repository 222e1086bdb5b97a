"""Notifications of people, by the services that Apprise knows: ntfy, mail, Telegram and a hundred others."""

import asyncio
import hashlib
import json
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from simulcast.errors import SettingRefused
from simulcast.webhooks import Delivery
from workers.errors import DownloadFailed

NOTIFY_TIMEOUT_S = 10.0  # lua/webhooks.lua leases a delivery for longer
MAX_THREADS = 16  # of their own: a service that hangs holds up nothing of downloads
_PREFIX = "notify:"
_OUTCOMES = {"complete": "is complete", "error": "failed", "cancelled": "was cancelled"}


class NotificationFailed(DownloadFailed):
    """The service did not take it. Its address, which holds secrets, is in no message."""


class Notifier:
    """The services of the operator. In place of an address each has a digest of its URL, which keeps its secrets."""

    def __init__(self, urls: Sequence[str]) -> None:
        """Raises SettingRefused for a URL of no service, and where Apprise is missing."""
        self._services: dict[str, Any] = {}
        self._threads = ThreadPoolExecutor(MAX_THREADS, "notify")
        for number, url in enumerate(urls, 1):
            try:
                import apprise
            except ModuleNotFoundError as error:
                raise SettingRefused("SIMULCAST_NOTIFY needs Apprise: pip install 'simulcast[notify]'") from error
            service = apprise.Apprise()
            if not service.add(url):
                raise SettingRefused(f"SIMULCAST_NOTIFY: number {number} of the addresses is none that Apprise knows")
            self._services[f"{_PREFIX}{hashlib.sha256(url.encode()).hexdigest()[:16]}"] = service

    @property
    def addresses(self) -> Collection[str]:
        return self._services.keys()

    async def notify(self, delivery: Delivery) -> None:
        """Return when the service has taken it. Raises NotificationFailed."""
        service = self._services.get(delivery.address)
        if service is None:
            raise NotificationFailed("this worker has no such service: set SIMULCAST_NOTIFY alike for all workers")
        title, text = describe(delivery.body)
        call = partial(service.notify, title=title, body=text)
        try:
            async with asyncio.timeout(NOTIFY_TIMEOUT_S):
                is_taken = await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except TimeoutError:
            raise NotificationFailed(
                f"a service of SIMULCAST_NOTIFY did not answer for {NOTIFY_TIMEOUT_S:g} s"
            ) from None
        if not is_taken:
            raise NotificationFailed("a service of SIMULCAST_NOTIFY did not take it")


def is_notification(address: str) -> bool:
    """Return whether it stands for a service of a Notifier."""
    return address.startswith(_PREFIX)


def describe(body: bytes) -> tuple[str, str]:
    """Return title and text for people about an end."""
    event = json.loads(body)
    kind, _, outcome = str(event.get("type", "")).partition("_")
    name = str(event.get("name") or event.get("download_id") or event.get("job_id") or event.get("key") or kind)
    details = event.get("error_message") or event.get("file_path") or event.get("channel")
    return f"{name} {_OUTCOMES.get(outcome, 'has ended')}", str(details)
