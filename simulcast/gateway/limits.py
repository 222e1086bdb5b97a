"""Every deadline and bound of a Gateway, in one place."""

from dataclasses import dataclass, fields

from simulcast.gateway.checks import check_number


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are seconds, sizes are bytes of UTF-8. Tests pass smaller ones; few others have a reason to."""

    open_timeout_s: float = 10.0
    """One attempt to connect: name, TCP, TLS and handshake together."""

    idle_timeout_s: float = 45.0
    """Without any frame for this long, pings and pongs included, the connection counts as lost. The server
    pings every 20 s, and the client does too (after 4/9 of this), so a living peer is never silent."""

    refused_delay_s: float = 60.0
    """The delay of the next attempt after a close that means "change something first" (see `reconnect_policy`)."""

    close_timeout_s: float = 2.0
    """The time for unsent messages and the closing handshake; then the connection is cut."""

    health_timeout_s: float = 5.0
    """The time for the whole response to `is_server_running`."""

    max_message_bytes: int = 2**20
    """One incoming message. A larger one ends the connection with 1009."""

    max_unsent_bytes: int = 2**20
    """Messages that wait for the socket. `send_websocket_message` returns False for one beyond."""

    max_unread_characters: int = 2**22
    """Received messages that wait for `async for`. Beyond, nothing more is read from the socket."""

    def __post_init__(self) -> None:
        """Raises ValueError for one that is no number."""
        for each in fields(self):
            is_whole = each.type is int
            check_number(f"limits.{each.name}", getattr(self, each.name), int(is_whole), is_whole=is_whole)
