"""What a front-end says of itself every few seconds."""

from dataclasses import dataclass, field

from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions.channels import Channels
from simulcast.heartbeat import Rate
from simulcast.process_registry import FrontEndRecord
from simulcast.version import version


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Host and port of what clients and operators connect to; "" where that isn't known, or there is none."""

    address: str = ""
    admin: str = ""


NO_ENDPOINT = Endpoint()


@dataclass(slots=True)
class HeartbeatReporter:
    """Makes the records. `began`: seconds since 1970."""

    name: str
    began: float
    place: Endpoint
    channels: Channels
    listener: ListenerPool
    _events: Rate = field(init=False)
    _deliveries: Rate = field(init=False)
    _bytes: Rate = field(init=False)

    def __post_init__(self) -> None:
        clock = self.channels.counters.clock
        self._events, self._deliveries, self._bytes = Rate(clock), Rate(clock), Rate(clock)

    def record(self) -> FrontEndRecord:
        """How it is now, with what came since this was asked before."""
        tally, found = self.channels.counters, self.channels.client_counts()
        return FrontEndRecord(
            name=self.name,
            version=version(),
            started_at=self.began,
            address=self.place.address,
            admin=self.place.admin,
            trouble=self.listener.not_ready() or "",
            channels=len(found),
            clients=sum(clients for _, clients, _ in found),
            behind=sum(behind for _, _, behind in found),
            events_per_s=self._events.per_second(tally.received),
            deliveries_per_s=self._deliveries.per_second(tally.deliveries),
            bytes_per_s=self._bytes.per_second(tally.sent_bytes),
            lag_s=tally.pop_max_latency_s(),
        )
