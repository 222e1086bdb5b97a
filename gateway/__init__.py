"""The Python client of a Simulcast service.

    from gateway import Gateway

    async with Gateway(on_websocket_message=print):
        await asyncio.Event().wait()

It needs `websockets` and the standard library only. What it tells goes to `logging.getLogger("gateway")`.
"""

from gateway.client import Gateway
from gateway.limits import Limits

__all__ = ["Gateway", "Limits"]
