"""uvicorn's HTTP protocol, which lets an endpoint cut its connection: closing one waits for a reader that never reads.

Fails loudly where uvicorn changes: tests/app/test_protocol.py.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

STATE_KEY = "simulcast.transport"


class SimulcastHttp(H11Protocol):
    """Given to uvicorn as `--http app.http:SimulcastHttp`; puts its transport into the ASGI scope's state.

    h11, because it bounds a request's headers, which httptools does not.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, STATE_KEY: transport}
