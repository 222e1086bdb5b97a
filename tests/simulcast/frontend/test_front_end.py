"""A front-end in an application of somebody else's, under plain uvicorn and under a server of ours."""

import asyncio
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import websockets
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from simulcast.cancellation import run_until_first
from simulcast.errors import BrokerUnavailable
from simulcast.frontend import FrontEnd, Grant, TokenInFirstMessage, services, supervisor
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions import subscriber
from simulcast.model.close_codes import Reconnect, Refresh, Stop
from tests.conditions import until
from tests.served import served, served_by_uvicorn
from tests.service import collect
from tests.valkey import Valkey


class DirectApplication(Starlette):
    """Its WebSockets are served by a server of ours."""


@asynccontextmanager
async def serve(app: ASGIApp, live: FrontEnd) -> AsyncIterator[str]:
    """Serve the application, and yield its address once the front-end is ready."""
    is_direct = isinstance(app, DirectApplication)
    serving = served(app, live.direct_endpoint, lifespan="on") if is_direct else served_by_uvicorn(app)
    async with serving as server:
        await until(lambda: live.not_ready() is None, "readiness")
        yield f"ws://127.0.0.1:{server.config.port}/ws"


def fastapi_application(live: FrontEnd) -> FastAPI:
    app = FastAPI(lifespan=live.lifespan)
    app.include_router(live.router)
    return app


def starlette_application(live: FrontEnd) -> Starlette:
    return Starlette(routes=live.routes, lifespan=live.lifespan)


def direct_application(live: FrontEnd) -> Starlette:
    return DirectApplication(routes=live.routes, lifespan=live.lifespan)


APPLICATIONS = [fastapi_application, starlette_application, direct_application]


async def refusal(url: str, **headers: str) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        await websockets.connect(url, additional_headers=headers, proxy=None)
    response = refused.value.response
    return response.status_code, json.loads(response.body or b"{}")["detail"]


async def close_of(client: ClientConnection) -> tuple[int | None, str | None]:
    """Return code and reason of the server's close frame, which may come after events."""
    async with asyncio.timeout(20):
        with suppress(ConnectionClosed):
            while True:
                await client.recv()
    return client.close_code, client.close_reason


async def test_a_front_end_whose_task_dies_disconnects_its_clients_and_starts_again(
    valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "MIN_RESTART_DELAY_S", 0.1)
    run, failures, reasons = ListenerPool.run, [True], []
    live = FrontEnd(valkey.url, channel=channel, on_failure=lambda: reasons.append(live.not_ready()))

    async def fail_once(listeners: ListenerPool) -> None:
        if failures:
            await run_until_first(run(listeners), until(lambda: live.services.connected))
            failures.pop()
            raise RuntimeError("a task that fails")
        await run(listeners)

    monkeypatch.setattr(ListenerPool, "run", fail_once)
    async with serve(fastapi_application(live), live) as url:
        async with websockets.connect(url, proxy=None) as client:
            assert (await close_of(client))[0] == Reconnect.SERVICE_RESTART
        await until(lambda: live.not_ready() is None, "the restart")
        async with websockets.connect(url, proxy=None) as client:
            await live.publish({"type": "note", "text": "again"})
            assert "again" in (await collect(client, "again"))[-1]
    assert reasons == ["a task of the front-end died (RuntimeError): it starts again"]
    (record,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert record.exc_info is not None and "a task that fails" in str(record.exc_info[1])


@pytest.mark.parametrize("application", APPLICATIONS)
async def test_a_grant_that_ended_since_it_was_given_opens_nothing_and_one_that_ends_closes(
    application: Callable[[FrontEnd], ASGIApp], valkey: Valkey, channel: str
) -> None:
    revoked = {"eve"}
    live = FrontEnd(
        valkey.url,
        channel=channel,
        authorize=lambda connection: Grant({"watch"}, user=connection.query_params["user"]),
        is_revoked=lambda grant: grant.user in revoked,
    )
    async with serve(application(live), live) as url:
        async with websockets.connect(f"{url}?user=eve", proxy=None) as late:
            assert await close_of(late) == (Refresh.TOKEN_EXPIRED, "the token was revoked")
        async with (
            websockets.connect(f"{url}?user=alice", proxy=None) as alice,
            websockets.connect(f"{url}?user=bob", proxy=None) as bob,
        ):
            await until(lambda: len(live.services.connected) == 2, "both clients")
            revoked.add("alice")
            live.services.disconnect_revoked(live.is_revoked)
            assert await close_of(alice) == (Refresh.TOKEN_EXPIRED, "the token was revoked")
            await live.publish({"type": "note", "text": "for bob"})
            assert "for bob" in (await collect(bob, "for bob"))[-1]


@pytest.mark.parametrize("make", APPLICATIONS)
async def test_a_front_end_has_no_more_clients_than_it_may(valkey: Valkey, channel: str, make: Any) -> None:
    live = FrontEnd(valkey.url, channel=channel, max_clients=1)
    async with serve(make(live), live) as url:
        async with websockets.connect(url, proxy=None) as client:
            await until(lambda: live.services.connected, "the first client")
            status, reason = await refusal(url)
            assert status == 503 and "all the 1 clients" in reason
            await live.publish({"type": "note"})
            await collect(client, "note")
        await until(lambda: not live.services.connected, "room")
        async with websockets.connect(url, proxy=None):
            pass


@pytest.mark.parametrize("make", APPLICATIONS)
@pytest.mark.parametrize("is_async", [True, False])
async def test_authorize_is_a_function_that_grants_or_refuses(
    valkey: Valkey, channel: str, make: Any, is_async: bool
) -> None:
    def authorize(connection: HTTPConnection) -> Grant | None:
        user = connection.headers.get("user")
        if user is None:
            raise HTTPException(401, "who is it?", {"www-authenticate": "Basic"})
        return None if user == "mallory" else Grant({"watch"}, [channel])

    async def authorize_async(connection: HTTPConnection) -> Grant | None:
        return authorize(connection)

    live = FrontEnd(valkey.url, channel=channel, authorize=authorize_async if is_async else authorize)
    async with serve(make(live), live) as url:
        assert await refusal(url) == (401, "who is it?")
        assert await refusal(url, user="mallory") == (403, "this client may not connect here")
        assert (await refusal(f"{url}?channel=other", user="ada"))[0] == 403
        assert (await refusal(f"{url}?since=nonsense", user="ada"))[0] == 400
        assert (await refusal(url, user="ada", origin="https://evil.example"))[0] == 403
        async with websockets.connect(url, additional_headers={"user": "ada"}, proxy=None) as client:
            await client.send('{"action":"pause_download","download_id":"1"}')
            assert "not_allowed" in (await collect(client, "command_result"))[-1]
            await live.publish({"type": "note", "text": "granted"})
            await collect(client, "granted")


@pytest.mark.parametrize("make", APPLICATIONS)
async def test_a_token_may_come_in_the_first_message(valkey: Valkey, channel: str, make: Any) -> None:
    async def verify(token: str) -> Grant | None:
        if token == "expired":
            raise HTTPException(401, "the token has expired")
        return Grant({"watch"}) if token == "good" else None

    live = FrontEnd(valkey.url, channel=channel, authorize=lambda _: TokenInFirstMessage(verify))
    async with serve(make(live), live) as url:
        closes = {}
        for token in ("expired", "bad"):
            async with websockets.connect(url, proxy=None) as client:
                await client.send(json.dumps({"action": "authenticate", "token": token}))
                closes[token] = (await close_of(client))[0]
        assert closes == {"expired": Stop.BAD_TOKEN, "bad": Stop.NOT_ALLOWED}
        async with websockets.connect(url, proxy=None) as client:
            await client.send(json.dumps({"action": "authenticate", "token": "good"}))
            await until(lambda: live.services.connected, "the client")
            await live.publish({"type": "note", "text": "granted"})
            await collect(client, "granted")


@pytest.mark.parametrize("make", APPLICATIONS)
async def test_a_client_is_disconnected_when_its_grant_expires(valkey: Valkey, channel: str, make: Any) -> None:
    live = FrontEnd(valkey.url, channel=channel, authorize=lambda _: Grant({"watch"}, expires_at=time.time() + 0.5))
    async with serve(make(live), live) as url:
        async with websockets.connect(url, proxy=None) as client:
            assert await close_of(client) == (Refresh.TOKEN_EXPIRED, "the token has expired")
        await until(lambda: not live.services.connected, "the end of the client")


@pytest.mark.parametrize("path", ["/ws", "/events"])
async def test_a_client_that_does_not_read_is_cut_and_costs_the_others_nothing(
    valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(services, "SWEEP_INTERVAL_S", 0.05)
    monkeypatch.setattr(subscriber, "SLOW_CLIENT_TIMEOUT_S", 0.5)
    live = FrontEnd(valkey.url, channel=channel)
    upgrade = (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    async with serve(fastapi_application(live), live) as url, websockets.connect(url, proxy=None) as client:
        await until(lambda: len(live.services.connected) == 1, "the reader")
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            idle.connect(("127.0.0.1", int(url.rpartition(":")[2].partition("/")[0])))
            headers = upgrade if path == "/ws" else ""
            idle.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
            await until(lambda: len(live.services.connected) == 2, "the client that does not read")
            number = 0
            while len(live.services.connected) == 2 and number < 3000:
                await live.publish({"type": "note", "number": number, "text": "x" * 50_000})
                async with asyncio.timeout(20):
                    assert json.loads(await client.recv())["number"] == number
                number += 1
            assert len(live.services.connected) == 1


async def test_a_server_may_leave_out_what_asgi_lets_it_leave_out(valkey: Valkey, channel: str) -> None:
    live = FrontEnd(valkey.url, channel=channel)
    app = fastapi_application(live)

    async def lean(scope: Scope, receive: Receive, send: Send) -> None:
        optional = () if scope["type"] == "lifespan" else ("scheme", "client", "server", "subprotocols", "extensions")
        await app({name: scope[name] for name in scope if name not in optional}, receive, send)

    async with (
        serve(lean, live) as url,
        websockets.connect(url, origin=Origin("http://localhost:1"), proxy=None) as client,
    ):
        await live.publish({"type": "note"})
        assert '"note"' in (await collect(client, '"note"'))[-1]


async def test_front_ends_of_one_process_have_a_redis_each(valkey: Valkey, own_valkey: Valkey, channel: str) -> None:
    first, second = FrontEnd(valkey.url, channel=channel), FrontEnd(own_valkey.url, channel=channel)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with first.lifespan(app), second.lifespan(app):
            yield

    app = FastAPI(lifespan=lifespan)
    app.include_router(first.router)
    app.include_router(second.router, prefix="/second")
    async with serve(app, second) as url:
        await until(lambda: first.not_ready() is None, "readiness of the other")
        own_valkey.kill()
        async with websockets.connect(url, proxy=None) as client:
            await first.publish({"type": "note", "text": "from the first"})
            await collect(client, "from the first")
        await until(lambda: second.not_ready() is not None, "the loss of its Redis")
        assert first.not_ready() is None


async def test_a_front_end_without_its_lifespan_says_how_to_run_it(valkey: Valkey) -> None:
    live = FrontEnd(valkey.url)
    assert "FastAPI(lifespan=live.lifespan)" in (live.not_ready() or "")
    with pytest.raises(BrokerUnavailable, match=r"lifespan=live\.lifespan"):
        await live.publish({"type": "note"})
    async with live.lifespan():
        with pytest.raises(RuntimeError, match="has begun already"):
            async with live.lifespan():
                pass
    async with live.lifespan():  # once more, as each TestClient does
        await until(lambda: live.not_ready() is None, "readiness")


def test_wrong_options_are_refused_where_they_are_written() -> None:
    with pytest.raises(ValueError, match="is no address of a Redis"):
        FrontEnd("http://localhost")
    with pytest.raises(ValueError, match="channel"):
        FrontEnd(channel="no such name")
