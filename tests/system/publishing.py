"""A publisher: `python -m tests.system.publishing CHANNEL NAME FIRST`.

It tells one end of a download after the other, of NAME-FIRST and on, until it is told to stop; then it prints the
number that it didn't come to.
"""

import asyncio
import signal
import sys

from simulcast.broker import Broker
from simulcast.model.events import complete_event
from simulcast.settings.shared import SharedSettings


async def main(channel: str, name: str, first: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    broker = Broker.connect(SharedSettings.from_environment().resolved_redis_url())
    while not stop.is_set():
        await broker.publish(complete_event(f"{name}-{first}", "/x"), channel)
        first += 1
        await asyncio.sleep(0.005)
    await broker.aclose()
    print(first, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
