"""The way to Redis: closed, half-open, one-way, and with replies that are lost.

Packets are dropped by iptables, on the loopback and the row's own ports alone; each rule is taken out again.
"""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from benchmarks.faults.proxy import Proxy
from benchmarks.faults.row import Row
from benchmarks.faults.stage import Stage
from benchmarks.faults.topology import GROUPS
from tests.conditions import eventually, until

AWAY_S = 8.0
SWALLOWED = 3  # times
SWALLOWED_BYTES = 500  # the replies of some twenty calls
NOTICED_S = 20.0


def why_no_packets_can_be_dropped() -> str:
    if shutil.which("iptables") is None:
        return "there is no iptables"
    if os.geteuid() != 0:
        return "iptables needs root"
    tried = subprocess.run(["iptables", "-w", "5", "-S", "INPUT"], capture_output=True, text=True)
    return f"iptables says: {tried.stderr.strip()}" if tried.returncode else ""


@contextmanager
def dropped(*match: str) -> Iterator[None]:
    """While in it, TCP packets on the loopback that `match` are dropped."""
    rule = ["INPUT", "-i", "lo", "-p", "tcp", *match, "-j", "DROP"]
    subprocess.run(["iptables", "-w", "10", "-I", *rule], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "-w", "10", "-D", *rule], check=True, capture_output=True)


async def unreachable(stage: Stage) -> None:
    with dropped("--dport", str(stage.server.port)):
        await asyncio.sleep(AWAY_S)


async def half_open(stage: Stage) -> None:
    """Every connection there is dies without a word; new ones can be made."""
    server = stage.server
    port = str(server.port)
    with server.admin() as client:
        own = str(client.client_id())
        others = [_port(each) for each in client.client_list() if each["id"] != own]
    with ExitStack() as stack:
        for other in others:
            stack.enter_context(dropped("--dport", port, "--sport", other))
            stack.enter_context(dropped("--sport", port, "--dport", other))
        stage.notes.append(f"{len(others)} connections")
        await asyncio.sleep(AWAY_S)


async def deaf(stage: Stage) -> None:
    """Nothing published arrives, though Redis answers all else; and no new subscription for a while."""
    server = stage.server
    with server.admin() as client, ExitStack() as stack:
        client.execute_command("ACL SETUSER default -subscribe -ssubscribe")
        for each in client.client_list("pubsub"):
            stack.enter_context(dropped("--sport", str(server.port), "--dport", _port(each)))
        began = time.monotonic()
        try:
            await asyncio.gather(*(_not_ready(stage, place) for place in range(len(stage.front_ends))))
            red_s = time.monotonic() - began
        finally:
            client.execute_command("ACL SETUSER default +subscribe +ssubscribe")
        began = time.monotonic()
        await stage.healed()
        stage.notes.append(
            f"`/ready` red after {red_s:.1f} s, green {time.monotonic() - began:.1f} s after the cause ended"
        )


async def _not_ready(stage: Stage, place: int) -> None:
    async def red() -> bool:
        return (await stage.front_ends[place].get("/ready"))[0] == 503

    await eventually(red, "a front-end that says it isn't ready", NOTICED_S)


def _port(client: dict[str, str]) -> str:
    return client["addr"].rpartition(":")[2]


@asynccontextmanager
async def publishing_by_proxy(stage: Stage) -> AsyncIterator[None]:
    async with Proxy(stage.server.port) as proxy:
        stage.publishers_url = f"redis://127.0.0.1:{proxy.port}/0"
        stage.proxy = proxy
        yield


async def replies_lost(stage: Stage) -> None:
    """A batch is carried out, and the publisher doesn't know; writes are held up first, so that it is a large one."""
    proxy = stage.proxy
    assert proxy is not None
    with stage.redis() as client:
        for _ in range(SWALLOWED):
            proxy.swallow(SWALLOWED_BYTES)
            client.execute_command("CLIENT PAUSE", 600, "WRITE")
            await until(lambda: not proxy.is_to_swallow, "a reply that is lost")
            await asyncio.sleep(4)  # the publisher's deadline for a reply is 3 s


ROWS = (
    Row(
        "unreachable",
        f"Redis unreachable for {AWAY_S:.0f} s (packets dropped)",
        unreachable,
        lacks=why_no_packets_can_be_dropped,
        fails_over=["sentinel"],  # nodes of a cluster go on hearing of each other, by a port of their own
    ),
    Row(
        "half-open",
        f"all connections to Redis half-open, for {AWAY_S:.0f} s",
        half_open,
        lacks=why_no_packets_can_be_dropped,
    ),
    Row(
        "deaf",
        "subscriptions deaf, though Redis answers",
        deaf,
        lacks=why_no_packets_can_be_dropped,
        for_control=False,
    ),
    Row(
        "reply-lost",
        f"the publisher's replies lost after the write, {SWALLOWED} times",
        replies_lost,
        publishing_by_proxy,
        not_on=dict.fromkeys(GROUPS, "publishers go to the address that others name: no proxy stands before it"),
    ),
)
