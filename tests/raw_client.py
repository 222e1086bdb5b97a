"""A WebSocket client that sends bytes as they are written, and the end of a client without a word."""

import ctypes
import os
import socket
import struct

import pytest

from tests.service import FrontEnd

HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n{more}\r\n"
)


def raw_client(running: FrontEnd, more: str = "", receive_buffer: int | None = None) -> socket.socket:
    """Send a handshake as written, and read the head of the response."""
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", running.port))
    connection.sendall(HANDSHAKE.format(port=running.port, more=more).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    assert head.startswith(b"HTTP/1.1 101"), head
    return connection


def vanish(connection: socket.socket) -> None:
    """Let its kernel drop each segment that arrives from now on, as if the machine had lost its network (Linux)."""
    drop_all = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))  # BPF_RET | BPF_K, 0 bytes
    program = struct.pack("@HP", 1, ctypes.addressof(drop_all))
    try:
        connection.setsockopt(socket.SOL_SOCKET, 26, program)  # SO_ATTACH_FILTER
    except PermissionError:
        if os.environ.get("CI"):
            raise
        pytest.skip("this machine lets only root filter what a socket gets")
