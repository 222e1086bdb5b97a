"""The event loop that coroutines of this library need: asyncio's."""

import asyncio


def require_event_loop(name: str) -> asyncio.AbstractEventLoop:
    """Return the running loop. Raises RuntimeError, which names the function and the remedy, where there is none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError as error:
        raise RuntimeError(
            f"simulcast.{name} needs a running asyncio event loop: elsewhere (threads, scripts, trio's "
            "to_thread.run_sync) call the function of the same name in simulcast.sync"
        ) from error
