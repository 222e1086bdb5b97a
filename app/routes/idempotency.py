"""The header Idempotency-Key: a repetition of a request gets the answer to the first.

A request is repeatable without its stored answer, too, since a front-end may die before it has stored that: everything
that a request publishes or creates has a name that comes of the request's.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, HTTPException, Request, Response

from app.routes.bodies import read_body
from simulcast.answers import AnswerStore, RequestChanged
from simulcast.frontend.grant import Grant
from simulcast.frontend.services import Services

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern="^[!-~]{1,200}$",
        description="Random text: a repetition with it and the same body gets the same answer, for an hour",
    ),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """`body`: JSON. `is_final`: False where a repetition may do better, since Redis was away."""

    status: int
    body: str
    location: str = ""
    is_final: bool = True

    def response(self) -> Response:
        headers = {"location": self.location} if self.location else None
        return Response(self.body, self.status, headers, "application/json")


async def answer_once(
    request: Request, services: Services, grant: Grant, key: str | None, answer: Callable[[str], Awaitable[Answer]]
) -> Response:
    """Return the answer to the request, or to an earlier one with this key and this body.

    `answer` gets the name of the request in hexadecimal digits, "" without a key. An exception of it is not kept.
    Raises HTTPException 422 for a key that came with another body, BrokerUnavailable.
    """
    if key is None:
        return (await answer("")).response()
    # Clients of other rights, and other users, neither see each other's answers nor take each other's keys.
    rights = [sorted(grant.scopes), sorted(grant.channels), *([grant.user] if grant.user else [])]
    query = [request.url.query] if request.url.query else []  # may name the channel
    name = json.dumps([request.method, request.scope["path"], rights, key, *query])
    request_id = hashlib.sha256(name.encode()).hexdigest()
    digest = hashlib.sha256(await read_body(request)).hexdigest()[:32]
    answers = AnswerStore(services.broker)
    try:
        text = await answers.begin(request_id, digest)
        if not text:
            new = await answer(request_id)
            if not new.is_final:
                return new.response()
            text = await answers.finish(request_id, digest, json.dumps([new.status, new.body, new.location]))
    except RequestChanged as error:
        raise HTTPException(422, str(error)) from error
    return Answer(*json.loads(text)).response()
