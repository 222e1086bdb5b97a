"""`simulcast doctor`, on the processes: how many run, and whether each channel that has downloads has a worker."""

from collections.abc import Collection, Sequence
from contextlib import aclosing

from simulcast.cli.doctor.finding import OK, WARNING, Finding
from simulcast.download_channels import DownloadChannels
from simulcast.errors import BrokerUnavailable
from simulcast.model.channel_patterns import ChannelPatterns
from simulcast.model.processes import WorkerRecord
from simulcast.process_registry import ProcessRegistry
from simulcast.store.topology import Topology

MAX_NAMED_CHANNELS = 5


async def process_checks(url: str, servers: Topology) -> list[Finding]:
    """Check the processes at `url`; no finding where Redis refuses what that takes, of which another check tells."""
    async with aclosing(ProcessRegistry.connect(url)) as registry:
        try:
            processes = await registry.processes()
            busy = await DownloadChannels(servers).with_work()
        except BrokerUnavailable:
            return []
    return [
        _check_number("front-ends", len(processes.front_ends), "clients can't connect", "serve"),
        _check_number("workers", len(processes.workers), "downloads wait", "work"),
        *([check_channels(busy, processes.workers)] if processes.workers else []),
    ]


def _check_number(kind: str, number: int, consequence: str, command: str) -> Finding:
    if number:
        return Finding(OK, kind, f"{number} with this Redis")
    remedy = f"start one with `simulcast {command}`, or all with `simulcast up`"
    return Finding(WARNING, kind, f"none runs with this Redis: {consequence}", remedy)


def check_channels(busy: Collection[str], workers: Sequence[WorkerRecord]) -> Finding:
    """Report those of the `busy` channels that no worker serves: downloads wait there, or have no successor.

    A worker that does not tell its channels may serve any.
    """
    served = [patterns for worker in workers if (patterns := _patterns_of(worker)) is not None]
    silent = len(workers) - len(served)
    alone = sorted(channel for channel in busy if not any(patterns.covers(channel) for patterns in served))
    if not alone:
        return Finding(OK, "channels", "a worker serves each one that has downloads to do")
    names = ", ".join(alone[:MAX_NAMED_CHANNELS])
    names += f" and {len(alone) - MAX_NAMED_CHANNELS:,} more" if len(alone) > MAX_NAMED_CHANNELS else ""
    if silent:
        result = f"{names}: downloads wait for a worker, perhaps for one of the {silent} that tell no channels"
        return Finding(OK, "channels", result)
    result = f"{names}: downloads wait, and no worker serves that channel"
    remedy = f"name it in SIMULCAST_WORKER_CHANNELS of a worker, beside the others: downloads,{alone[0]}"
    return Finding(WARNING, "channels", result, remedy)


def _patterns_of(worker: WorkerRecord) -> ChannelPatterns | None:
    try:
        return None if worker.channels is None else ChannelPatterns.parse(worker.channels)
    except ValueError:  # of a form that a later release knows
        return None
