"""A client whose token was revoked, or has expired."""

import json
import time
from dataclasses import replace

from simulcast.frontend.client_messages import handle_text
from simulcast.frontend.grant import FULL_ACCESS
from tests.conditions import until
from tests.hostile.unread import VERSIONED, join, read_until, running
from tests.valkey import Valkey


async def test_messages_that_wait_are_dropped_once_the_token_has_ended(valkey: Valkey, channel: str) -> None:
    """A client may have sent 250 of them, which takes five seconds."""
    text = json.dumps({"action": "publish", "channel": channel, "event": {"type": "x"}})
    async with running(valkey, channel) as (live, port, _):
        services = live.services
        with join(port, f"/ws?channel={channel}", VERSIONED) as connection:
            await read_until(connection, b'"number":59')
            await until(lambda: len(services.connected) == 1, "the client")
            client = next(iter(services.connected))
            before = (await services.broker.head(channel)).position
            await handle_text(client, services, text)
            allowed = (await services.broker.head(channel)).position
            client.grant = replace(FULL_ACCESS, expires_at=time.time() - 1)
            await handle_text(client, services, text)
            client.grant = FULL_ACCESS
            services.disconnect_revoked(lambda _: True)
            await handle_text(client, services, text)
            assert before != allowed == (await services.broker.head(channel)).position
