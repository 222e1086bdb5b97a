"""One delivery by HTTP: the addresses are judged as those of downloads, and redirects are not followed."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pycurl

from simulcast.webhooks import Delivery
from workers.errors import DownloadFailed, HTTPStatusError, ReadTimeout
from workers.http.client import Client, Request
from workers.http.request import basic_authorization
from workers.http.retry_policy import retry_after_s
from workers.http.url import URL
from workers.webhooks.signature import sign

POST_TIMEOUT_S = 10.0  # for all of it; lua/webhooks.lua leases a delivery for longer
MAX_DISCARDED_BYTES = 16 * 1024  # of an answer, read so that its connection can be used again


class Poster:
    """Sends deliveries. Does not own `client`. `secrets`: keys that sign them; without one they have no signature."""

    def __init__(self, client: Client, secrets: Sequence[bytes]) -> None:
        self._client = client
        self._secrets = secrets
        self._cookies = pycurl.CurlShare()  # an empty one for each request: it shares nothing

    async def post(self, delivery: Delivery) -> None:
        """Return when the receiver has answered with a status of success. Raises DownloadFailed, with the reason."""
        url, body, sent_at_s = URL.parse(delivery.address), delivery.body, int(time.time())
        headers = {
            "User-Agent": "simulcast",
            "Content-Type": "application/json",
            "webhook-id": delivery.message_id,
            "webhook-timestamp": str(sent_at_s),
        }
        if self._secrets:
            headers["webhook-signature"] = sign(self._secrets, delivery.message_id, sent_at_s, body)
        if url.user is not None:
            headers["Authorization"] = basic_authorization(url.user, url.password)
        try:
            async with asyncio.timeout(POST_TIMEOUT_S):
                await self._send(Request(url, self._cookies, headers, body=body))
        except TimeoutError:
            raise ReadTimeout(POST_TIMEOUT_S, "no answer") from None

    async def _send(self, request: Request) -> None:
        response = await self._client.open(request)
        try:
            if not 200 <= response.status < 300:
                header, date = response.headers.get("Retry-After"), response.headers.get("Date")
                raise HTTPStatusError(response.status, retry_after_s(header, date, datetime.now(UTC)))
            await response.discard(MAX_DISCARDED_BYTES)
        finally:
            response.close()


def is_final(error: DownloadFailed) -> bool:
    """Return whether the receiver wants no repetition: 410, as Standard Webhooks has it."""
    return isinstance(error, HTTPStatusError) and error.status == 410
