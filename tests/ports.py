"""Ports for one test: no other test of this machine gets them, on purpose or by chance.

They lie below the ports that systems choose (Linux from 32768, macOS from 49152): a server that
starts late on one never finds it taken by a test that bound port 0 meanwhile, nor does that test get its requests.
Each port is held by a lock on its byte of one file until the process ends, so none is given twice.
"""

import errno
import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

_FIRST, _LAST = 10_000, 32_000


@cache
def _held() -> int:
    """Return the file whose byte N stands for port N. Closing it anywhere in the process would unlock all of them."""
    return os.open(Path(tempfile.gettempdir()) / f"simulcast-test-ports.{os.getuid()}", os.O_RDWR | os.O_CREAT, 0o600)


@cache
def _left() -> list[int]:
    """Return the ports that this process has not tried, in an order of its own."""
    return random.Random().sample(range(_FIRST, _LAST), _LAST - _FIRST)


def free_port() -> int:
    """Return a loopback port that is free, and belongs to this process until it ends."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """Return the first of so many ports in a row.

    Raises:
        OSError: EADDRINUSE, when no such ports are left.
    """
    while _left():
        first = _left().pop()
        others = range(first + 1, first + count)
        if any(port not in _left() for port in others):
            continue
        try:
            fcntl.lockf(_held(), fcntl.LOCK_EX | fcntl.LOCK_NB, count, first)
            for port in (first, *others):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        for port in others:
            _left().remove(port)
        return first
    raise OSError(errno.EADDRINUSE, f"every port from {_FIRST} to {_LAST} is taken")


def has_ipv6() -> bool:
    """Return whether this machine has ::1, which a container may lack."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
