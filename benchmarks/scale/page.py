"""The page: what was measured, and what a million clients would take if nothing else came in between."""

import math
from collections.abc import Callable, Sequence
from statistics import linear_regression, median

from benchmarks.scale.runs import Load, Row
from benchmarks.scale.subscribers import RATE, Fan

CLIENTS = 1_000_000
RATES = (1, 10, 100)  # events a second that each client receives
FULL = 0.5  # of a processor: what is above is for bursts and for those who come back
MEMORY_BYTES = 512 * 1024**2  # what docker-compose.yml gives a front-end
DESCRIPTORS = 65_536 - 192  # docs/limits.md
NETWORK_BYTES_S = 1e9 / 8
HEADERS_BYTES = 66  # Ethernet, IPv4 and TCP with timestamps, were each event a packet of its own
FRONT_ENDS = (1, 4, 10, 100)

Column = tuple[str, Callable[[Row], str]]


def _number(name: str, form: str = "{:,.0f}", divisor: float = 1) -> Callable[[Row], str]:
    return lambda row: form.format(row.numbers[name] / divisor)


_DELIVERING: tuple[Column, ...] = (
    ("clients", _number("clients")),
    ("deliveries/s", _number("deliveries_s")),
    ("deliveries a CPU second", _number("deliveries_cpu_s")),
    ("p99 ms", _number("p99_ms", "{:,.1f}")),
    ("front-end: CPU µs an event that one client gets", _number("reading_us", "{:,.1f}")),
    ("Valkey: CPU µs an event", _number("redis_us", "{:,.1f}")),
    ("Valkey: CPU µs a second, idle", _number("idle_us_s")),
)
_COMING: tuple[Column, ...] = (
    ("MB empty", _number("empty_bytes", "{:,.0f}", 1024**2)),
    ("KB a client", _number("client_bytes", "{:,.1f}", 1024)),
    ("CPU µs to join", _number("joining_us")),
    ("CPU µs to come back", _number("back_us")),
    ("s until all are current", _number("back_s", "{:,.2f}")),
    ("Redis commands a front-end", _number("back_commands")),
    ("to new front-ends: CPU µs", _number("anew_back_us")),
    ("s until all are current", _number("anew_back_s", "{:,.2f}")),
    ("Redis commands a front-end", _number("anew_back_commands")),
)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def _measured(rows: Sequence[Row], columns: Sequence[Column]) -> list[str]:
    return _table(
        ["front-ends", *(head for head, _ in columns)],
        [[_name(row), *(cell(row) for _, cell in columns)] for row in rows],
    )


def _name(row: Row) -> str:
    return f"{row.front_ends}" if row.shards == 1 else f"{row.front_ends}, on {row.shards} shards"


class Costs:
    """What follows for one front-end, from the rows on one Valkey, and for one Redis, from its subscribers."""

    def __init__(self, rows: Sequence[Row], fans: Sequence[Fan]) -> None:
        alone = [row for row in rows if row.shards == 1]

        def middle(name: str) -> float:
            return median(row.numbers[name] for row in alone)

        self.deliveries_s = middle("deliveries_cpu_s")
        self.client_bytes = middle("client_bytes")
        self.empty_bytes = middle("empty_bytes")
        self.delivery_bytes = middle("delivery_bytes")
        self.joining_us, self.back_us, self.anew_us = (
            middle(name) for name in ("joining_us", "back_us", "anew_back_us")
        )
        self.commands = middle("anew_back_commands")
        self.redis_bytes = fans[-1].sent_bytes
        found = linear_regression([fan.subscribers for fan in fans], [fan.event_us for fan in fans])
        self.subscriber_us, self.event_us = found.slope, found.intercept
        idle = linear_regression([row.front_ends for row in alone], [row.numbers["idle_us_s"] for row in alone])
        self.idle_us_s = max(0.0, idle.slope)

    def redis_us(self, front_ends: float) -> float:
        """CPU of Redis for an event that goes to so many front-ends."""
        return self.event_us + self.subscriber_us * front_ends

    def redis_share(self, rate: float, front_ends: float) -> float:
        """Of Redis' processor: `rate` events a second to each of them, and what they ask for by themselves."""
        return (rate * self.redis_us(front_ends) + self.idle_us_s * front_ends) / 1e6

    def most_front_ends(self, rate: float) -> float:
        """How many there are when Redis' processor is used up."""
        return (FULL * 1e6 - rate * self.event_us) / (rate * self.subscriber_us + self.idle_us_s)

    def bounds(self, rate: float) -> dict[str, float]:
        """How many clients a front-end has when each of these is used up."""
        packet = self.delivery_bytes + HEADERS_BYTES
        return {
            "processor": FULL * self.deliveries_s / rate,
            "memory": (MEMORY_BYTES - self.empty_bytes) / self.client_bytes,
            "descriptors": DESCRIPTORS,
            "network": NETWORK_BYTES_S / (rate * packet),
        }


def _carries(costs: Costs) -> list[str]:
    by_front_ends = ", ".join(f"{1e6 / costs.redis_us(many):,.0f} with {many}" for many in FRONT_ENDS)
    return [
        "### What one carries",
        "",
        "Where each event comes alone; what comes at the same time is joined, and costs less.",
        "",
        *_table(
            ["of a whole processor", "a second"],
            [
                ["front-end: deliveries", f"{costs.deliveries_s:,.0f}"],
                ["front-end: clients that join", f"{1e6 / costs.joining_us:,.0f}"],
                ["front-end: clients that come back, and are given what they missed", f"{1e6 / costs.back_us:,.0f}"],
                ["Valkey: events, by the front-ends that each goes to", by_front_ends],
            ],
        ),
        f"A straight line through what was measured: an event takes Valkey {costs.event_us:.1f} µs, and",
        f"{costs.subscriber_us:.2f} µs and {costs.redis_bytes:.0f} bytes more for each front-end that receives it. A",
        f"front-end takes {costs.idle_us_s:.0f} µs a second while nothing is published.",
        "",
    ]


def _million(costs: Costs) -> list[str]:
    bounds = [costs.bounds(rate) for rate in RATES]
    least = [min(found, key=lambda name: found[name]) for found in bounds]
    front_ends = [math.ceil(CLIENTS / found[name]) for found, name in zip(bounds, least, strict=True)]
    each = [CLIENTS / many for many in front_ends]

    def row(what: str, cells: Sequence[str]) -> list[str]:
        return [what, *cells]

    def clients(name: str) -> list[str]:
        return [f"{found[name]:,.0f}" for found in bounds]

    sets = list(zip(RATES, front_ends, each, strict=True))
    return [
        "### A million clients",
        "",
        *_table(
            ["each client receives, in one channel", *(f"{rate} event{'s' if rate > 1 else ''}/s" for rate in RATES)],
            [
                row(f"clients of a front-end when {FULL:.0%} of its processor are used", clients("processor")),
                row("… when 512 MB are used", clients("memory")),
                row("… when 65,536 descriptors are used", clients("descriptors")),
                row("… when 1 Gbit/s is used", clients("network")),
                row("**breaks first**", [f"**{name}**" for name in least]),
                row("front-ends for a million", [f"{many:,}" for many in front_ends]),
                row("memory of all, GB", [f"{_total(costs, many) / 1e9:,.1f}" for many in front_ends]),
                row("sent to all, Gbit/s", [_gbits(rate, CLIENTS, costs.delivery_bytes) for rate in RATES]),
                row("of Valkey's processor", [f"{costs.redis_share(rate, many):.1%}" for rate, many, _ in sets]),
                row("Valkey's output, Gbit/s", [_gbits(rate, many, costs.redis_bytes) for rate, many, _ in sets]),
                row(
                    f"front-ends when {FULL:.0%} of Valkey's processor are used",
                    [f"{costs.most_front_ends(rate):,.0f}" for rate in RATES],
                ),
                row("all cut and back simultaneously: seconds of each processor", _seconds(each, costs.back_us)),
                row("the same at new front-ends", _seconds(each, costs.anew_us)),
                row("commands to Redis meanwhile", [f"{many * costs.commands:,.0f} commands" for many in front_ends]),
            ],
        ),
    ]


def _total(costs: Costs, front_ends: int) -> float:
    return CLIENTS * costs.client_bytes + front_ends * costs.empty_bytes


def _gbits(rate: float, receivers: float, size: float) -> str:
    return f"{8 * rate * receivers * (size + HEADERS_BYTES) / 1e9:,.2f}"


def _seconds(clients: Sequence[float], each_us: float) -> list[str]:
    return [f"{each * each_us / 1e6:,.1f}" for each in clients]


def _fans(fans: Sequence[Fan]) -> list[str]:
    return [
        "### One channel, many subscribers",
        "",
        f"{RATE:.0f} events/s, so each comes alone, to subscriptions as front-ends make them, "
        "of a program that only reads.",
        "",
        *_table(
            ["subscribers", *(f"{fan.subscribers}" for fan in fans)],
            [["Valkey: CPU µs an event", *(f"{fan.event_us:,.1f}" for fan in fans)]],
        ),
    ]


def markdown(rows: Sequence[Row], fans: Sequence[Fan], load: Load, facts: Sequence[str]) -> str:
    """The whole page."""
    return "\n".join(
        [
            "# Scale",
            "",
            "Made by `python -m benchmarks.scale`; every number came from that one run. All front-ends share one core,",
            "and clients, publisher and Valkey the other: so what counts is CPU, which adds up, and not how fast that",
            "was. A run counts only if every client got every event once and in order.",
            "",
            *(f"- {fact}" for fact in facts),
            "",
            "### Front-ends side by side",
            "",
            f"{load.clients:,} clients each, of one channel (of one on each shard): {load.rate:g} events/s to each",
            f"channel for {load.seconds:g} s. Before that, with a single client at each front-end,",
            f"{load.reading_rate:,.0f} events/s.",
            "",
            *_measured(rows, _DELIVERING),
            f"Then all clients were cut, missed {load.missed} events, and came back simultaneously,",
            "each with its last id; and again, with every front-end restarted meanwhile.",
            "",
            *_measured(rows, _COMING),
            *_fans(fans),
            *_carries(costs := Costs(rows, fans)),
            *_million(costs),
        ]
    )
