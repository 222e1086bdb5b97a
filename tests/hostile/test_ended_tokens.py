"""A client whose token was revoked or refused, or has expired."""

import asyncio
import json
import time
from dataclasses import replace

import websockets
from starlette.applications import Starlette

from simulcast.frontend import FrontEnd, Grant, TokenInFirstMessage
from simulcast.frontend.client_messages import handle_text
from simulcast.frontend.grant import FULL_ACCESS
from simulcast.model.close_codes import Stop
from tests.conditions import until
from tests.hostile.unread import VERSIONED, join, read_until, running
from tests.served import masked, served
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


async def test_messages_behind_a_first_one_that_was_refused_are_dropped(valkey: Valkey, channel: str) -> None:
    verified: list[str] = []

    async def verify(token: str) -> Grant:
        verified.append(token)
        return FULL_ACCESS

    live = FrontEnd(valkey.url, channel=channel, authorize=lambda _: TokenInFirstMessage(verify))
    async with live.lifespan(), served(Starlette(routes=live.routes), live.direct_endpoint) as server:
        await until(lambda: live.not_ready() is None, "readiness")
        async with websockets.connect(f"ws://127.0.0.1:{server.config.port}/ws", proxy=None) as client:
            client.transport.write(masked("no token") + masked('{"action":"authenticate","token":"good"}') * 2)
            await client.wait_closed()
        await until(lambda: not server.server_state.tasks, "the end of the messages")
    assert client.close_code == Stop.BAD_TOKEN and verified == []


async def test_a_request_that_waited_for_its_client_to_read_is_dropped_once_the_token_has_ended(
    valkey: Valkey, channel: str
) -> None:
    text = json.dumps({"action": "publish", "channel": channel, "event": {"type": "x"}})
    async with running(valkey, channel) as (live, port, _):
        services = live.services
        with join(port, f"/ws?channel={channel}", VERSIONED):
            await until(lambda: any(not each.writer.has_room for each in services.connected), "a full socket")
            (client,) = services.connected
            before = (await services.broker.head(channel)).position
            handling = asyncio.create_task(handle_text(client, services, text))
            await asyncio.sleep(0)
            assert not handling.done()
            client.grant = replace(FULL_ACCESS, expires_at=time.time() - 1)
            client.abort()
            await handling
            assert (await services.broker.head(channel)).position == before
