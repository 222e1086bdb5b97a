"""The record of itself that a front-end keeps in Redis, for `simulcast top` and the metrics."""

from dataclasses import dataclass
from heapq import nlargest
from operator import itemgetter

from simulcast.frontend.ingest.listener_pool import ListenerPool
from simulcast.frontend.subscriptions.channels import Channels
from simulcast.heartbeat import Rate
from simulcast.model.processes import MAX_REPORTED_CHANNELS, FrontEndRecord
from simulcast.version import version


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Host and port where clients and operators connect; "" for one that is not known or does not exist."""

    address: str = ""
    admin: str = ""


NO_ENDPOINT = Endpoint()


@dataclass
class HeartbeatReporter:
    """Makes the records. `started_at`: seconds since 1970."""

    name: str
    started_at: float
    endpoint: Endpoint
    channels: Channels
    listeners: ListenerPool

    def __post_init__(self) -> None:
        clock = self.channels.counters.clock
        self._events, self._deliveries, self._bytes = Rate(clock), Rate(clock), Rate(clock)

    def record(self) -> FrontEndRecord:
        """Return its state now. Rates are those since the previous record."""
        counters, counts = self.channels.counters, self.channels.client_counts()
        clients_by_channel = {channel: clients for channel, clients, _ in counts if clients}
        return FrontEndRecord(
            name=self.name,
            version=version(),
            started_at=self.started_at,
            address=self.endpoint.address,
            admin=self.endpoint.admin,
            trouble=self.listeners.not_ready() or "",
            channels=len(counts),
            clients=sum(clients for _, clients, _ in counts),
            behind=sum(behind for _, _, behind in counts),
            events_per_s=self._events.per_second(counters.received),
            deliveries_per_s=self._deliveries.per_second(counters.deliveries),
            bytes_per_s=self._bytes.per_second(counters.sent_bytes),
            lag_s=counters.pop_max_latency_s(),
            channels_with_clients=len(clients_by_channel),
            clients_by_channel=dict(nlargest(MAX_REPORTED_CHANNELS, clients_by_channel.items(), key=itemgetter(1))),
        )
