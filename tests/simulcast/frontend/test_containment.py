"""Unexpected errors at the seams of a front-end: each costs its own channel or client, and nothing else."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
import websockets
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from simulcast import heartbeat
from simulcast.broker import Broker
from simulcast.frontend import FrontEnd, client_messages, services
from simulcast.frontend.fanout.feed import Feed
from simulcast.frontend.fanout.hub import Hub
from simulcast.frontend.fanout.view import View
from simulcast.frontend.ingest import listener
from simulcast.frontend.ingest.listener import Listener
from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.ingest.updates import FeedUpdates
from simulcast.frontend.subscriptions.channels import Channels
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.frontend.transport.batch_writers import ASGIWriter
from simulcast.frontend.transport.websocket import WebSocketConnection
from simulcast.jobs import Jobs
from tests.conditions import eventually, until
from tests.served import served, served_by_uvicorn
from tests.service import collect
from tests.valkey import Valkey

ERRORS = [ValueError, KeyError, RuntimeError, AttributeError, RecursionError, ZeroDivisionError, MemoryError, TypeError]
COMMAND = '{"action":"pause_download","download_id":"poison"}'


@dataclass
class Stage:
    """A front-end with a victim: a client of the channel `bad`, which follows one download."""

    live: FrontEnd
    url: str
    bad: str
    victim: Subscriber | None = None
    victim_hub: Hub | None = None

    def is_bad_feed(self, feed: Feed) -> bool:
        return self.live.services.channels.feeds.get(self.bad) is feed

    async def connect(self, channel: str, download_id: str = "") -> ClientConnection:
        query = f"?channel={channel}" + (f"&download_id={download_id}" if download_id else "")
        return await websockets.connect(self.url + query, proxy=None)

    async def connect_victim(self) -> ClientConnection:
        before = set(self.live.services.connected)
        connection = await self.connect(self.bad, "poison")
        await until(lambda: self.live.services.connected - before, "the victim")
        (self.victim,) = self.live.services.connected - before
        clients = self.victim._clients
        await until(lambda: self.bad in clients, "a victim that has joined")
        self.victim_hub = clients[self.bad][0]
        return connection


@dataclass(frozen=True)
class Seam:
    """A method, and whether a call is the victim's. `spares_channel`: other clients of the channel stay connected."""

    owner: Any
    method: str
    is_victim: Callable[[Stage, tuple[Any, ...]], bool]
    spares_channel: bool = True

    def __str__(self) -> str:
        return f"{self.owner.__name__}.{self.method}"


SEAMS = [
    Seam(FeedUpdates, "_bring_to", lambda stage, args: args[1].names.channel == stage.bad, False),
    Seam(Listener, "_handle_message", lambda stage, args: args[1].names.channel == stage.bad, False),
    Seam(Feed, "accept", lambda stage, args: stage.is_bad_feed(args[0]), False),
    Seam(View, "encode", lambda stage, args: args[0].download_id == "poison"),
    Seam(Hub, "_write_to_current", lambda stage, args: args[0] is stage.victim_hub),
    Seam(Feed, "publish_position_marks", lambda stage, args: stage.is_bad_feed(args[0])),
    Seam(Channels, "_sweep", lambda stage, args: args[1] == stage.bad),
    Seam(ListenerPool, "follow", lambda stage, args: args[1] == stage.bad),
    Seam(Subscriber, "_replay", lambda stage, args: args[1] == stage.bad),
    Seam(Subscriber, "send_text", lambda stage, args: args[0] is stage.victim),
    Seam(Jobs, "command", lambda stage, args: True),
    Seam(client_messages, "parse", lambda stage, args: "poison" in args[0]),
    Seam(heartbeat.Rate, "per_second", lambda stage, args: True),
    Seam(ASGIWriter, "_send_batch", lambda stage, args: args[0].observer is stage.victim),
    Seam(WebSocketConnection, "data_received", lambda stage, args: args[0].observer is stage.victim),
]


@asynccontextmanager
async def run_stage(url: str, channel: str, is_direct: bool) -> AsyncIterator[tuple[Stage, list[str]]]:
    failures: list[str] = []
    live = FrontEnd(url, channel=f"{channel}.good", on_failure=lambda: failures.append(str(live.not_ready())))
    app = Starlette(routes=live.routes, lifespan=live.lifespan)
    serving = served(app, live.direct_endpoint, lifespan="on") if is_direct else served_by_uvicorn(app)
    async with serving as server:
        await until(lambda: live.not_ready() is None, "readiness")
        yield Stage(live, f"ws://127.0.0.1:{server.config.port}/ws", f"{channel}.bad"), failures


async def play(
    stage: Stage,
    seam: Seam,
    error: type[Exception],
    mark: str,
    friend: ClientConnection,
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Raise the error at the seam. The friend, and the victim's mate where it is spared, receive on."""
    fired: list[bool] = []
    original = getattr(seam.owner, seam.method)

    def fail(*args: Any) -> Any:
        if seam.is_victim(stage, args):
            fired.append(True)
            raise error(f"injected {mark}")
        return original(*args)

    mate, victim = await stage.connect(stage.bad), await stage.connect_victim()
    await broker.publish({"joined": mark}, stage.bad)
    await collect(mate, mark)
    with monkeypatch.context() as patch:
        patch.setattr(seam.owner, seam.method, fail)
        await victim.send(COMMAND)
        await broker.publish({"type": "download_paused", "download_id": "poison", "n": mark}, stage.bad)
        await broker.publish({"n": mark}, f"{stage.bad.removesuffix('bad')}good")
        with suppress(WebSocketException, OSError):
            await (await stage.connect(stage.bad)).close()
        await until(lambda: fired, f"an error at {seam}")
    await collect(friend, mark)
    if seam.spares_channel:
        await collect(mate, mark)
        await broker.publish({"again": mark}, stage.bad)
        await collect(mate, mark)
    await until(lambda: f"injected {mark}" in caplog.text, f"the traceback of {seam}")
    later = await stage.connect(stage.bad)
    await broker.publish({"later": mark}, stage.bad)
    await collect(later, f'"later":"{mark}"')
    await broker.publish({"type": "download_resumed", "download_id": "poison", "n": f"{mark} is over"}, stage.bad)
    with suppress(WebSocketException):  # the victim receives on, or it is disconnected
        await collect(victim, f"{mark} is over")
    for connection in (mate, victim, later):
        await connection.close()


@pytest.mark.parametrize("is_direct", [True, pytest.param(False, marks=pytest.mark.long)], ids=["own", "asgi"])
async def test_an_error_at_any_seam_costs_no_other_channel_or_client_anything(
    is_direct: bool, valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for module, interval in [(services, "SWEEP_INTERVAL_S"), (services, "PING_INTERVAL_S")]:
        monkeypatch.setattr(module, interval, 0.05)
    monkeypatch.setattr(heartbeat, "HEARTBEAT_INTERVAL_S", 0.05)
    monkeypatch.setattr(listener, "POLL_INTERVAL_S", 0.2)
    rng = random.Random("own" if is_direct else "websockets-sansio")
    # A channel that has started is joined without a look at its listener.
    unused = (ASGIWriter, ListenerPool) if is_direct else (WebSocketConnection,)
    seams = [seam for seam in SEAMS if seam.owner not in unused]
    broker = Broker.connect(valkey.url)
    async with run_stage(valkey.url, channel, is_direct) as (stage, failures):
        friend = await stage.connect(f"{channel}.good")
        for number, seam in enumerate(rng.sample(seams, len(seams))):
            await play(stage, seam, rng.choice(ERRORS), f"<{number}>", friend, broker, monkeypatch, caplog)
        assert stage.live.services.channels.counters.reconnects == 0
        await friend.close()
    assert failures == []
    await broker.aclose()


@pytest.mark.parametrize("name", ["meta", "latest", "history"])
async def test_keys_of_another_type_silence_their_own_channel_alone(
    name: str, valkey: Valkey, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "POLL_INTERVAL_S", 0.1)
    broker = Broker.connect(valkey.url)
    async with run_stage(valkey.url, channel, is_direct=False) as (stage, failures):
        friend, mate = await stage.connect(f"{channel}.good"), await stage.connect(stage.bad)
        await broker.publish({"type": "download_started", "download_id": "a", "n": 1}, stage.bad)
        await collect(mate, '"n":1')
        key = f"{{simulcast:{stage.bad}}}:{name}"
        with valkey.admin() as client:
            client.delete(key)
            client.lpush(key, "x")
        with suppress(WebSocketException, OSError):
            await (await stage.connect(stage.bad)).close()
        for n in range(5):
            await asyncio.sleep(0.1)  # polls meanwhile
            await broker.publish({"good": n}, f"{channel}.good")
            await collect(friend, f'"good":{n}')
            assert stage.live.not_ready() is None
        with valkey.admin() as client:
            client.delete(key)

        async def serves_again() -> bool:
            with suppress(WebSocketException, OSError):
                async with await stage.connect(stage.bad) as later:
                    await broker.publish({"bad": "again"}, stage.bad)
                    await collect(later, '"bad":"again"', 2)
                    return True
            return False

        await eventually(serves_again, "a channel that is served again")
        for connection in (friend, mate):
            await connection.close()
        assert stage.live.services.channels.counters.reconnects == 0
    assert failures == []
    await broker.aclose()
