"""What an event costs Valkey by how many it goes to: plain subscriptions, as front-ends make them, that only read."""

import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import allow_files
from benchmarks.scale.crowd import Publisher, publish
from benchmarks.scale.shards import one
from benchmarks.templates import resp
from simulcast.model.channel import ChannelNames

MANY = (1, 10, 100, 400)
RATE = 200.0


@dataclass(frozen=True, slots=True)
class Fan:
    """CPU µs of Valkey an event, and bytes that it sent for each subscriber."""

    subscribers: int
    event_us: float
    sent_bytes: float


@contextmanager
def _reading(port: int, channel: str, count: int) -> Iterator[None]:
    """So many are subscribed meanwhile, and read all they are sent."""
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(count):
            subscriber = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            subscriber.sendall(resp("SUBSCRIBE", ChannelNames(channel).pubsub))
            subscriber.recv(1000)
            selector.register(subscriber, selectors.EVENT_READ)
        ended = threading.Event()

        def read() -> None:
            while not ended.is_set():
                for key, _ in selector.select(0.1):
                    assert isinstance(key.fileobj, socket.socket)
                    key.fileobj.recv(1 << 18)

        reader = threading.Thread(target=read, name="subscribers")
        reader.start()
        try:
            yield
        finally:
            ended.set()
            reader.join()


def fans(seconds: float) -> list[Fan]:
    """For each number of subscribers, on a Valkey that does nothing else."""
    allow_files(max(MANY))
    found = []
    with tempfile.TemporaryDirectory(prefix="simulcast-scale-") as place, one(Path(place)) as redis:
        (shard,) = redis.shards
        publisher, events = Publisher(shard, shard.few, Path(place)), round(RATE * seconds)
        for count in MANY:
            with _reading(shard.port, shard.few, count):
                publish([publisher], round(RATE), RATE)
                cpu, sent = shard.cpu_us(), shard.output_bytes()
                publish([publisher], events, RATE)
                time.sleep(0.1)
                spent, sent = shard.cpu_us() - cpu, shard.output_bytes() - sent
                found.append(Fan(count, spent / events, sent / (events * count)))
    return found
