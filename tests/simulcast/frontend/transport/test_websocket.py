"""The parts of uvicorn that simulcast/frontend/transport/websocket.py builds on."""

import inspect

import uvicorn
from uvicorn.protocols.websockets import websockets_sansio_impl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from simulcast.frontend.transport.websocket import SimulcastWebSocketProtocol

PINNED = "0.54.0"
OVERRIDDEN = (
    "connection_made",
    "handle_connect",
    "send_receive_event_to_app",
    "pause_writing",
    "resume_writing",
    "connection_lost",
    "keepalive_timeout",
    "run_asgi",
    "data_received",
    "handle_cont",
    "handle_ping",
    "shutdown",
)
RELIED_ON = ("handle_parser_exception", "stop_keepalive", "on_task_complete", "send_500_response")


def test_uvicorn_is_the_version_that_was_read() -> None:
    assert uvicorn.__version__ == PINNED


def test_what_is_overridden_and_relied_on_exists() -> None:
    for name in OVERRIDDEN:
        assert name in vars(SimulcastWebSocketProtocol), name
        theirs, ours = getattr(WebSocketsSansIOProtocol, name), getattr(SimulcastWebSocketProtocol, name)
        assert list(inspect.signature(theirs).parameters) == list(inspect.signature(ours).parameters), name
    for name in RELIED_ON:
        assert callable(getattr(WebSocketsSansIOProtocol, name)), name


def test_the_state_that_says_whether_frames_may_be_written_is_still_kept() -> None:
    source = inspect.getsource(websockets_sansio_impl)
    names = ("close_sent", "writable", "curr_msg_data_type", "frames", "scope", "queue", "read_paused", "close_timer")
    for attribute in (f"self.{name}" for name in names):
        assert f"{attribute} = " in source or f"{attribute}: " in source, attribute
