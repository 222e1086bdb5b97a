"""A browser's EventSource stops for good at any status but 200, so a refusal that may pass is a stream for it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Header
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Mount
from starlette.types import ASGIApp, Message

from simulcast.frontend import FrontEnd, Grant

Refuse = Callable[[HTTPConnection], Grant]
NO_REDIS = "redis://127.0.0.1:1"


def with_function(refuse: Refuse) -> ASGIApp:
    app = FastAPI()
    app.include_router(FrontEnd(NO_REDIS, authorize=refuse).router, prefix="/live")
    return app


def with_dependency(refuse: Refuse) -> ASGIApp:
    """The application's own dependency raises before the endpoint is called."""
    app = FastAPI()
    app.include_router(FrontEnd(NO_REDIS, authorize=Depends(refuse)).router, prefix="/live")
    return app


def starlette(refuse: Refuse) -> ASGIApp:
    return Starlette(routes=[Mount("/live", routes=FrontEnd(NO_REDIS, authorize=refuse).routes)])


APPLICATIONS = [with_function, with_dependency, starlette]


async def open_events(app: ASGIApp, accept: bytes) -> tuple[int, bytes]:
    """Return status and body."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    path = "/live/events"
    headers = [(b"host", b"localhost"), (b"accept", accept)]
    scope: dict[str, object] = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "query_string": b"",
    }
    scope |= {"path": path, "raw_path": path.encode(), "root_path": "", "headers": headers, "client": None}
    with suppress(ZeroDivisionError):  # raised again behind the answer
        await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def refusing(status: int) -> Refuse:
    """0: by an error that is none of HTTP."""

    def refuse(connection: HTTPConnection) -> Grant:
        if not status:
            raise ZeroDivisionError
        raise HTTPException(status, "not now")

    return refuse


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("status", [0, 401, 408, 425, 429, 500, 501, 502, 503, 504, 507, 520])
async def test_a_refusal_that_may_pass_lets_an_event_source_reconnect(
    application: Callable[[Refuse], ASGIApp], status: int
) -> None:
    app = application(refusing(status))
    shown, body = await open_events(app, b"text/event-stream")
    assert (shown, body.startswith(b"retry: ")) == (200, True)
    assert b'event: refused\ndata: {"type": "refused", "status": %d' % (status or 500) in body
    assert (await open_events(app, b"*/*"))[0] == (status or 500)


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("status", [400, 403, 404, 410, 421])
async def test_a_refusal_that_stays_ends_an_event_source(application: Callable[[Refuse], ASGIApp], status: int) -> None:
    assert (await open_events(application(refusing(status)), b"text/event-stream"))[0] == status


async def test_an_error_that_the_application_answers_itself_is_its_own() -> None:
    def refuse(connection: HTTPConnection, token: Annotated[str, Header()]) -> Grant:
        return Grant({"watch"})

    app = FastAPI()
    app.include_router(FrontEnd(NO_REDIS, authorize=Depends(refuse)).router, prefix="/live")
    assert (await open_events(app, b"text/event-stream"))[0] == 422


@pytest.mark.parametrize("application", APPLICATIONS)
async def test_a_front_end_that_does_not_run_lets_an_event_source_reconnect(
    application: Callable[[Refuse], ASGIApp],
) -> None:
    def allow(connection: HTTPConnection) -> Grant:
        return Grant({"watch"})

    app = application(allow)
    assert b'"status": 503' in (await open_events(app, b"text/event-stream"))[1]
