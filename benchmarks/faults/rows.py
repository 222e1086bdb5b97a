"""The rows of the table, in its order."""

from benchmarks.faults import clock, failover, front_ends, network, redis_server, storage, webhooks, workers
from benchmarks.faults.row import Row

ROWS: tuple[Row, ...] = (
    *redis_server.ROWS,
    *network.ROWS,
    *failover.SENTINEL_ROWS,
    *failover.CLUSTER_ROWS,
    *storage.ROWS,
    *workers.ROWS,
    *webhooks.ROWS,
    *front_ends.ROWS,
    *clock.ROWS,
)
