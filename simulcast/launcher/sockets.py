"""Binds the port once, for all front-ends.

With SO_REUSEPORT in each front-end, a stopped process swallowed half of the connections, and macOS gave all connections
to one process.
"""

import errno
import socket

from simulcast.errors import CommandError

BACKLOG = 4096
LOOPBACK = ("127.0.0.1", "localhost")
_MAX_ATTEMPTS = 20  # to find a port that is free in both families, when any will do


def listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on `host`: 127.0.0.1 and ::1 for both of their names, and `::` in both families.

    Port 0 is any free one.

    Raises CommandError for a port that is taken or not allowed, and for a host that is none of this machine's.
    """
    if host in LOOPBACK:
        return _listen_on_loopback(port)
    try:
        # Both families: a socket of IPv6 that takes IPv4, too, would show IPv4 clients by other addresses.
        everywhere = None if host == "::" else host
        entries = socket.getaddrinfo(everywhere, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise CommandError(f"--host {host}: {error.strerror}. Give a name or an address of this machine") from error
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((entry[0], str(entry[4][0])) for entry in entries):
            sockets.append(_bind(family, address, sockets[0].getsockname()[1] if sockets else port))
    except OSError as error:
        for bound in sockets:
            bound.close()
        raise _command_error(error, host, port) from error
    return sockets


def listen_on_one(address: str, port: int) -> socket.socket:
    """Return a socket that listens on one address, for the admin port. Raises CommandError as `listen` does."""
    try:
        return _bind(socket.AF_INET6 if ":" in address else socket.AF_INET, address, port)
    except OSError as error:
        raise _command_error(error, address, port, "--admin-port") from error


def _listen_on_loopback(port: int) -> list[socket.socket]:
    for attempts_left in reversed(range(_MAX_ATTEMPTS)):
        try:
            ipv4 = _bind(socket.AF_INET, "127.0.0.1", port)
        except OSError as error:
            raise _command_error(error, "127.0.0.1", port) from error
        try:
            return [ipv4, _bind(socket.AF_INET6, "::1", ipv4.getsockname()[1])]
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                return [ipv4]  # no IPv6 on this machine
            ipv4.close()
            if port or not attempts_left:
                raise _command_error(error, "::1", port) from error
    raise AssertionError("unreachable")


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    # macOS binds an address although another process listens on 0.0.0.0, and then takes its connections.
    if port and _accepts(address, port):
        raise OSError(errno.EADDRINUSE, "another process listens there")
    return socket.create_server((address, port), family=family, backlog=BACKLOG)


def _accepts(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def _command_error(error: OSError, host: str, port: int, flag: str = "--port") -> CommandError:
    match error.errno:
        case errno.EADDRINUSE:
            return CommandError(f"port {port} of {host} is taken: stop its owner, or choose another port with {flag}")
        case errno.EACCES | errno.EPERM:
            return CommandError(f"port {port} is not allowed to this user: choose one above 1023 with {flag}")
        case errno.EADDRNOTAVAIL:
            return CommandError(f"{host} is no address of this machine: omit --host, or give 0.0.0.0 for all addresses")
        case _:
            return CommandError(f"can't listen on port {port} of {host}: {error.strerror}")
