"""The metrics of a front-end in the format of Prometheus: its own counters, and the statistics that Redis keeps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from simulcast.frontend.fanout.counters import Counters, Histogram
from simulcast.frontend.subscriptions.channels import Channels
from simulcast.model.processes import Processes, QueueStats
from simulcast.process_registry import RECEIVED
from simulcast.version import version

MAX_LABELLED_CHANNELS = 20  # channels with a series of their own; anyone may name a channel
OTHERS = "(other)"  # no channel's name has brackets
_PROCESS = ProcessCollector(registry=None)


@dataclass(frozen=True, slots=True)
class ClusterStats:
    """The statistics of all processes together: the same on each front-end."""

    processes: Processes
    queue: QueueStats


def format_metrics(channels: Channels, ready: bool, stats: ClusterStats | None) -> bytes:
    """Return the text format of Prometheus. `stats`: None while Redis is away; then those metrics are left out."""
    return generate_latest(_Collector(_metrics(channels, ready, stats)))


class _Collector(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _metrics(channels: Channels, ready: bool, stats: ClusterStats | None) -> Iterator[Metric]:
    counters = channels.counters
    yield from _PROCESS.collect()
    yield _labelled("build_info", "The version that runs here; always 1.", ("version",), [((version(),), 1)])
    yield _gauge("ready", "1 while events arrive here, as /ready says, else 0.", ready)
    yield _gauge("channels", "Channels that are followed here.", len(channels.feeds))
    meaning = "Clients of each channel; one of two channels counts twice. One that is behind has events still to get."
    yield _labelled("clients", meaning, ("channel", "state"), _clients(channels))
    yield from _counters(counters)
    yield _histogram("flush_seconds", "One flush to all clients that are current.", counters.flushes)
    meaning = "From Redis' publishing to the flush; sampled about once a second in each channel."
    yield _histogram("latency_seconds", meaning, counters.latencies)
    if stats is not None:
        yield from _cluster_metrics(stats)


def _counters(counters: Counters) -> Iterator[Metric]:
    for name, meaning, value in (
        ("events_received", "Messages that came by the subscription.", counters.received),
        ("events_refused", "Messages left out: too large, or made to look like a broker's.", counters.rejected),
        ("backfilled", "Publications that came by the history, not by the subscription.", counters.backfilled),
        ("deliveries", "Events written to clients; one event to n clients is n.", counters.deliveries),
        ("sent_bytes", "Bytes of events written to clients.", counters.sent_bytes),
        ("joins", "Clients that joined a channel.", counters.joins),
        ("clients_cut", "Clients cut: too long behind, or events were lost for good.", counters.disconnects),
        ("gaps_found", "Gaps in the messages of the subscription.", counters.gaps_found),
        ("gaps_lost", "Gaps that the history could not fill: their clients were cut.", counters.gaps_lost),
        ("epochs", "Epochs begun, after the first one of each channel.", counters.epochs),
        ("redis_reconnects", "Times that the subscription was lost and had to be made again.", counters.reconnects),
    ):
        yield CounterMetricFamily(f"simulcast_{name}", meaning, value=value)
    recoveries = CounterMetricFamily(
        "simulcast_recoveries", "Clients that named their position, by the source of their events.", labels=("source",)
    )
    for source, count in counters.recoveries.items():
        recoveries.add_metric((source,), count)
    yield recoveries


def _cluster_metrics(stats: ClusterStats) -> Iterator[Metric]:
    processes, queue = stats.processes, stats.queue
    yield _labelled("jobs", "Downloads in each state.", ("state",), [((k,), n) for k, n in queue.jobs.items()])
    yield _gauge(
        "queue_oldest_seconds", "Age of the oldest queued download that could have begun.", queue.longest_wait_s or 0
    )
    kinds = [(("front_end",), len(processes.front_ends)), (("worker",), len(processes.workers))]
    yield _labelled("processes", "Processes that live.", ("kind",), kinds)
    yield _gauge("redis_memory_bytes", "Memory that Redis uses.", processes.redis_bytes)
    yield _gauge("redis_memory_limit_bytes", "Its maxmemory; 0 without one.", processes.redis_max_bytes)
    received = processes.totals.get(RECEIVED, 0)
    yield CounterMetricFamily("simulcast_downloaded_bytes", "Bytes that all workers have received.", value=received)


def _clients(channels: Channels) -> list[tuple[tuple[str, str], int]]:
    """Return the clients of the channels that have most of them, and those of all others together."""
    counts = sorted(channels.client_counts(), key=lambda count: (-count[1], count[0]))
    rest = counts[MAX_LABELLED_CHANNELS:]
    shown = counts[:MAX_LABELLED_CHANNELS]
    if rest:
        shown.append((OTHERS, sum(clients for _, clients, _ in rest), sum(behind for _, _, behind in rest)))
    pairs: list[tuple[tuple[str, str], int]] = []
    for channel, clients, behind in shown:
        pairs += [((channel, "current"), clients - behind), ((channel, "behind"), behind)]
    return pairs


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"simulcast_{name}", meaning, value=value)


def _labelled(
    name: str, meaning: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = GaugeMetricFamily(f"simulcast_{name}", meaning, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _histogram(name: str, meaning: str, histogram: Histogram) -> Metric:
    bounds = [*map(str, histogram.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
    return HistogramMetricFamily(f"simulcast_{name}", meaning, buckets=buckets, sum_value=histogram.sum)
