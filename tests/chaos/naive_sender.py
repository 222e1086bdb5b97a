"""Webhooks as one writes them first: each end that comes live is posted once. The control that must lose some.

python -m tests.chaos.naive_sender ADDRESS…
"""

import asyncio
import base64
import os
import sys
import time
from contextlib import suppress

import aiohttp
import redis.asyncio

from simulcast.model.channel import ChannelNames
from simulcast.model.publication import from_message
from simulcast.webhooks import Delivery
from tests.webhook_receiver import SECRET
from workers.webhooks.signature import sign

KEY = base64.b64decode(SECRET.removeprefix("whsec_"))


async def main(addresses: list[str]) -> None:
    """Post until killed, or Redis is."""
    client = redis.asyncio.from_url(os.environ["REDIS_URL"])
    async with aiohttp.ClientSession() as session, client.pubsub() as pubsub:
        await pubsub.subscribe(ChannelNames().pubsub)
        async for message in pubsub.listen():
            published = from_message(message["data"]) if message["type"] == "message" else None
            if published is None or not published[1].label.startswith("e"):
                continue
            for address in addresses:
                delivery = Delivery("downloads", "", address, address, False, published[1], 0, 0, 0.0)
                now = int(time.time())
                headers = {"webhook-id": delivery.message_id, "webhook-timestamp": str(now)}
                headers["webhook-signature"] = sign([KEY], delivery.message_id, now, delivery.body)
                with suppress(aiohttp.ClientError):
                    async with session.post(address, data=delivery.body, headers=headers):
                        pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
