"""Every deadline and bound of a Gateway, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are seconds, sizes are bytes of UTF-8. Tests pass smaller ones; few others have a reason to."""

    open_timeout_s: float = 10.0
    """One attempt to connect: name, TCP, TLS and handshake together."""

    silence_s: float = 45.0
    """Without any frame for this long, pings and pongs included, the connection counts as lost. The server
    pings every 20 s, and the client does too (after 4/9 of this), so a living peer is never silent."""

    refused_delay_s: float = 60.0
    """Before the next attempt after a close that means "change something first" (see `reconnect_policy`)."""

    close_timeout_s: float = 2.0
    """For what is still unsent and for the closing handshake; then the connection is cut."""

    health_timeout_s: float = 5.0
    """For the whole answer to `is_server_running()`."""

    max_message_bytes: int = 2**20
    """One message that comes in. A larger one ends the connection with 1009."""

    max_unsent_bytes: int = 2**20
    """What may wait for the socket. A message that doesn't fit is not sent, and its sender is told so."""

    max_unread_characters: int = 2**22
    """What came and may wait to be read by `async for`. Beyond, nothing more is read from the socket."""
