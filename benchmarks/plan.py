"""The scenarios of `python -m benchmarks`, with their numbers of clients and events."""

from benchmarks.scenarios import Load, Scenario, burst, handshakes, idle, stalled, stayed, steady, storm


def scenarios(quick: bool) -> tuple[Scenario, ...]:
    """All of them; `quick`: the same clients and rates for a shorter time."""
    s = 3 if quick else 10
    rounds = 3 if quick else 5
    latency = ("p50_ms", "p99_ms", "p999_ms")
    return (
        Scenario(
            "burst",
            "1,000 events at once to 500 clients",
            burst(Load(500, 1000, 0), rounds),
            ("deliveries_s", *latency),
            "deliveries_s",
            more_is_better=True,
        ),
        Scenario(
            "sustained",
            "500 events/s to 2,000 clients",
            steady(Load(2000, 500 * s, 500)),
            (*latency, "cpu_s"),
            "p99_ms",
        ),
        Scenario(
            "sustained-8000",
            "100 events/s to 8,000 clients",
            steady(Load(8000, 100 * s, 100)),
            (*latency, "cpu_s"),
            "p99_ms",
        ),
        Scenario(
            "moderate",
            f"50 events/s to 2,000 clients for {2 * s} s",
            steady(Load(2000, 50 * 2 * s, 50)),
            ("cpu_s", *latency),
            "cpu_s",
        ),
        Scenario(
            "channels",
            "1,000 channels of 10 clients, 1,000 events/s in all",
            steady(Load(10_000, s, 1000, channels=1000)),
            (*latency, "cpu_s"),
            "cpu_s",
            needs_channels=True,
        ),
        Scenario(
            "stalled",
            "500 events/s to 1,000 clients, of which 100 don't read",
            stalled(Load(1000, 500 * s, 500, stalled=100)),
            ("p99_ms", "p99_without_ms", "p99_ratio", "per_stalled_bytes"),
            "p99_ratio",
        ),
        Scenario(
            "storm",
            "5,000 clients back at once, each 100 events behind",
            storm(5000, 20, 100),
            ("seconds", "redis_commands", "cpu_s"),
            "seconds",
            needs_recovery=True,
        ),
        Scenario(
            "stayed",
            "1,000 clients that stay, 100 events/s, while 5,000 come back",
            stayed(1000, 5000, 100, 2),
            ("p99_ms", "p99_without_ms", "max_ms", "joined_s"),
            "p99_ms",
            needs_recovery=True,
        ),
        Scenario(
            "idle",
            "10,000 clients, nothing published",
            idle(10_000, 2 * s),
            ("per_client_bytes", "cpu_percent", "empty_bytes"),
            "per_client_bytes",
        ),
        Scenario(
            "handshakes",
            "5,000 clients, 64 at a time",
            handshakes(5000, 1 if quick else 3),
            ("per_second",),
            "per_second",
            more_is_better=True,
        ),
    )
