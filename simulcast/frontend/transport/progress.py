"""Slow clients, which take bytes now and then, and gone ones, whose kernel acknowledges nothing."""

import asyncio
import socket
import struct
from contextlib import suppress

UNACKNOWLEDGED_TIMEOUT_S = 60.0  # how long a client's kernel may acknowledge nothing

_BYTES_ACKED_OFFSET = 120  # of tcpi_bytes_acked in struct tcp_info, linux/tcp.h
_TCP_INFO_BYTES = 128
_PROBES_OFFSET, _UNACKED_OFFSET, _LAST_ACK_RECEIVED_OFFSET = 3, 24, 56  # a byte, and two numbers of 32 bits


def is_gone(transport: asyncio.WriteTransport) -> bool:
    """Return whether the client's kernel has acknowledged neither bytes nor probes for UNACKNOWLEDGED_TIMEOUT_S.

    Elsewhere than on Linux it is not known: False.
    """
    if (info := _tcp_info(transport)) is None:
        return False
    (unacked,) = struct.unpack_from("=I", info, _UNACKED_OFFSET)
    (last_ack_ms,) = struct.unpack_from("=I", info, _LAST_ACK_RECEIVED_OFFSET)
    return bool((unacked or info[_PROBES_OFFSET]) and last_ack_ms > UNACKNOWLEDGED_TIMEOUT_S * 1000)


def bytes_taken(transport: asyncio.WriteTransport) -> int:
    """Return a number that rises while a client takes bytes from a full socket.

    It counts the bytes that the client's kernel acknowledged. Elsewhere than on Linux, and on other sockets than those
    of TCP, it is known only how much less is held here.
    """
    if (info := _tcp_info(transport)) is not None:
        return int(struct.unpack_from("=Q", info, _BYTES_ACKED_OFFSET)[0])
    return -transport.get_write_buffer_size()


def _tcp_info(transport: asyncio.WriteTransport) -> bytes | None:
    sock: socket.socket | None = transport.get_extra_info("socket")
    is_tcp = sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6)
    if sock is not None and is_tcp and hasattr(socket, "TCP_INFO"):
        with suppress(OSError, ValueError):  # closed meanwhile: uvloop's sockets raise the second one
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
            return info if len(info) == _TCP_INFO_BYTES else None
    return None
