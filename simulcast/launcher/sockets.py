"""Binds the port once, for all front-ends.

Not with SO_REUSEPORT in each of them: a stopped process then swallowed half of the connections, and macOS gives all of
them to one.
"""

import errno
import socket

from simulcast.errors import CommandError

BACKLOG = 4096
LOOPBACK = ("127.0.0.1", "localhost")
_TRIES = 20  # to find a port that is free in both families, when any will do


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for `host`: 127.0.0.1 and ::1 for both of their names. Port 0 is any free one.

    Raises CommandError where the port is taken, may not be used, or the host is none of this machine's.
    """
    if host in LOOPBACK:
        return _listen_on_loopback(port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise CommandError(f"--host {host}: {error.strerror}. Give a name or an address of this machine") from error
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((entry[0], str(entry[4][0])) for entry in found):
            sockets.append(_bind(family, address, sockets[0].getsockname()[1] if sockets else port))
    except OSError as error:
        _close(sockets)
        raise _complaint(error, host, port) from error
    return sockets


def listen_on_one(address: str, port: int) -> socket.socket:
    """A listening socket of one IPv4 address, for the admin port. Raises CommandError as `listen` does."""
    try:
        return _bind(socket.AF_INET, address, port)
    except OSError as error:
        raise _complaint(error, address, port, "--admin-port") from error


def _listen_on_loopback(port: int) -> list[socket.socket]:
    for tries_left in reversed(range(_TRIES)):
        try:
            four = _bind(socket.AF_INET, "127.0.0.1", port)
        except OSError as error:
            raise _complaint(error, "127.0.0.1", port) from error
        try:
            return [four, _bind(socket.AF_INET6, "::1", four.getsockname()[1])]
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                return [four]  # no IPv6 on this machine
            four.close()
            if port or not tries_left:
                raise _complaint(error, "::1", port) from error
    raise AssertionError("unreachable")


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    if port and _answers(address, port):  # macOS binds beside who listens on 0.0.0.0, and takes all that comes
        raise OSError(errno.EADDRINUSE, "somebody answers")
    return socket.create_server((address, port), family=family, backlog=BACKLOG)


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _complaint(error: OSError, host: str, port: int, flag: str = "--port") -> CommandError:
    match error.errno:
        case errno.EADDRINUSE:
            return CommandError(f"port {port} of {host} is taken: stop what uses it, or choose another one with {flag}")
        case errno.EACCES | errno.EPERM:
            return CommandError(f"port {port} is not allowed to this user: choose one above 1023 with {flag}")
        case errno.EADDRNOTAVAIL:
            return CommandError(
                f"{host} is no address of this machine: leave --host away, or give 0.0.0.0 for all of them"
            )
        case _:
            return CommandError(f"can't listen on port {port} of {host}: {error.strerror}")
