"""`simulcast up` with stand-ins, on a free port: `python -m tests.simulcast.cli.stub_up FRONT_END WORKER`."""

import asyncio
import sys
from pathlib import Path

import simulcast.cli.up as module
from simulcast.cli.up import Plan, up
from simulcast.errors import SimulcastError
from simulcast.launcher import supervisor

READY = (
    "import sys, socket\n"
    "sock = socket.socket(fileno=int(sys.argv[-1]))\n"
    "while True:\n"
    "    taken, _ = sock.accept(); taken.recv(1000)\n"
    '    taken.sendall(b\'HTTP/1.1 STATUS x\\r\\n\\r\\n{"detail": "no events from Redis"}\'); taken.close()\n'
)
PROGRAMS = {
    "ready": READY.replace("STATUS", "200"),
    "unready": READY.replace("STATUS", "503"),
    "stubborn": "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY.replace("STATUS", "200"),
    "works": "import time; time.sleep(100)",
    "fails": "raise SystemExit('no luck')",
}


def plan(front_end: str, worker: str) -> Plan:
    return Plan(
        host="127.0.0.1",
        port=0,
        front_ends=1,
        workers=1,
        data=Path("data"),
        redis_url="",
        downloads=Path("downloads"),
        redis_ports=(0,),
        front_end=lambda *flags: [sys.executable, "-c", PROGRAMS[front_end], *flags],
        worker=lambda: [sys.executable, "-c", PROGRAMS[worker]],
    )


if __name__ == "__main__":
    module.READY_TIMEOUT_S = 1.0
    supervisor.STOP_TIMEOUT_S = 1000.0  # so that only a second Ctrl-C ends a stubborn process
    front_end, worker = sys.argv[1:3]
    try:
        asyncio.run(up(plan(front_end, worker)))
    except SimulcastError as error:
        sys.exit(f"simulcast: {error}")
