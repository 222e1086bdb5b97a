"""Sockets that are full: how much the client takes from them, and when the kernel gives up."""

import asyncio
import socket
import struct
from contextlib import suppress

UNACKNOWLEDGED_TIMEOUT_MS = 60_000  # how long a client's kernel may acknowledge nothing, or take nothing
NOTSENT_BYTES = 64 * 1024  # unsent bytes that the kernel may hold for one client

_BYTES_ACKED_OFFSET = 120  # of tcpi_bytes_acked in struct tcp_info, linux/tcp.h
_TCP_INFO_BYTES = 128


def bound_kernel_buffer(transport: asyncio.WriteTransport) -> None:
    """Let the kernel hold little for the client, and the transport nothing but the rest of one write."""
    transport.set_write_buffer_limits(0)
    if (sock := _tcp_socket(transport)) is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOTSENT_BYTES)
    cut_when_gone(transport)


def cut_when_gone(transport: asyncio.WriteTransport) -> None:
    """Let the kernel cut the connection when its client has vanished."""
    sock = _tcp_socket(transport)
    if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_TIMEOUT_MS)


def bytes_taken(transport: asyncio.WriteTransport) -> int:
    """Return a number that rises while a client takes bytes from a full socket.

    It counts the bytes that the client's kernel acknowledged. Elsewhere than on Linux, and on other sockets than those
    of TCP, it is known only how much less is held here.
    """
    sock = _tcp_socket(transport)
    if sock is not None and hasattr(socket, "TCP_INFO"):
        with suppress(OSError, ValueError):  # closed meanwhile: uvloop's sockets raise the second one
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
            if len(info) == _TCP_INFO_BYTES:
                return int(struct.unpack_from("=Q", info, _BYTES_ACKED_OFFSET)[0])
    return -transport.get_write_buffer_size()


def _tcp_socket(transport: asyncio.WriteTransport) -> socket.socket | None:
    sock: socket.socket | None = transport.get_extra_info("socket")
    return sock if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6) else None
