"""Records of processes, as `simulcast top` gets them."""

from simulcast.model.processes import FrontEndRecord, WorkerRecord

FRONT_END = FrontEndRecord(
    name="host:12:abcdef",
    version="1",
    started_at=1000.0,
    address="127.0.0.1:8080",
    admin="127.0.0.1:9464",
    trouble="",
    channels=1,
    clients=1200,
    behind=3,
    events_per_s=50.04,
    deliveries_per_s=60_000.0,
    bytes_per_s=9_000_000.0,
    lag_s=0.0124,
)
WORKER = WorkerRecord(
    name="host:13:aa", version="1", started_at=1000.0, running=2, max_downloads=4, bytes_per_s=1_500_000.0
)
