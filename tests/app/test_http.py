"""A response whose reader never reads is cut, and nothing of it stays."""

import asyncio
import contextlib
import inspect
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.batches import StreamOutlet
from app.eventstream import Encoder
from app.frames import text_frame
from app.http import STATE_KEY, SimulcastHttp
from tests.conditions import until
from tests.ports import free_port


def test_what_is_overridden_exists_in_uvicorn() -> None:
    ours, theirs = SimulcastHttp.connection_made, H11Protocol.connection_made
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
    assert '"state": self.app_state.copy()' in inspect.getsource(H11Protocol.handle_events)


async def test_who_never_reads_can_be_cut() -> None:
    outlets: list[StreamOutlet] = []

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        outlet = StreamOutlet(send, Encoder(False, {}), scope["state"][STATE_KEY])
        outlets.append(outlet)
        await outlet.pump()

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(endpoint, port=port, http=SimulcastHttp, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started, "the start")
    with socket.socket() as idle:
        idle.connect(("127.0.0.1", port))
        idle.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: outlets, "the response")
        (outlet,) = outlets
        with contextlib.suppress(TimeoutError):
            for _ in range(100):
                outlet.write(text_frame(b"x" * 1_000_000))
                async with asyncio.timeout(1):
                    await outlet.drained.wait()
        assert not outlet.drained.is_set(), "100 MB went into a socket that nobody reads"
        outlet.abort()
        await until(lambda: not server.server_state.connections, "the cut")
        await until(lambda: not server.server_state.tasks, "the endpoint's end")
    server.should_exit = True
    await serving
