"""Sockets that systemd listens on for this process, so that a restart refuses nobody (sd_listen_fds(3))."""

import os
import socket

from simulcast.errors import CommandError

FIRST_FD = 3


def activated_sockets() -> list[socket.socket]:
    """Return the listening sockets that this process was started with, none without socket activation.

    Raises CommandError for sockets that no front-end can serve. Processes that this one starts learn of none.
    """
    pid, number, _ = (os.environ.pop(f"LISTEN_{name}", "") for name in ("PID", "FDS", "FDNAMES"))
    if pid != str(os.getpid()) or not number.isdecimal():
        return []
    sockets = [socket.socket(fileno=fd) for fd in range(FIRST_FD, FIRST_FD + int(number))]
    for listener in sockets:
        listener.set_inheritable(False)
        listens = listener.type == socket.SOCK_STREAM and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if listener.family not in (socket.AF_INET, socket.AF_INET6) or not listens:
            raise CommandError(
                f"systemd passes on {listener}: a front-end needs ListenStream= with a port, and Accept=no"
            )
    return sockets
