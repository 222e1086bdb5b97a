"""Workers die and hang; each download ends once all the same."""

import signal

from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from tests.conditions import until

NOTICED_S = 30.0


def _owned(stage: Stage) -> list[str]:
    """The downloads that the first worker owns."""
    assert stage.downloads is not None
    mark = f":{stage.workers[0].process.pid}:".encode()
    ids = stage.downloads.ids
    with stage.redis() as client, client.pipeline(transaction=False) as pipe:
        for download_id in ids:
            pipe.hget(f"{{simulcast:downloads}}:job:{download_id}", "worker")
        owners = pipe.execute()
    return [key for key, owner in zip(ids, owners, strict=True) if isinstance(owner, bytes) and mark in owner]


async def killed(stage: Stage) -> None:
    await until(lambda: _owned(stage), "downloads of the worker", NOTICED_S)
    stage.workers.pop(0).kill()
    stage.start_worker()


async def stopped(stage: Stage) -> None:
    await until(lambda: _owned(stage), "downloads of the worker", NOTICED_S)
    stage.workers[0].signal(signal.SIGSTOP)
    await until(lambda: not _owned(stage), "a worker whose leases have expired", NOTICED_S)
    stage.workers[0].signal(signal.SIGCONT)


ROWS = (
    Row("worker-kill", "a worker: `kill -9`", killed, for_control=False),
    Row("worker-stop", "a worker: SIGSTOP past its lease", stopped, for_control=False),
)
