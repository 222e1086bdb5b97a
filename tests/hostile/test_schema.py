"""Whatever fits the API's own description, or doesn't, is answered as the description says (schemathesis).

Cases are derived from the description alone: the gate must give the same answer for the same commit.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks as conformance

from app.main import app
from simulcast.model.token_claims import SCOPES
from tests.http_requests import raw_request
from tests.programs import one_front_end
from tests.service import FrontEnd
from tests.signed_tokens import SECRET, token

DESCRIPTION = schemathesis.openapi.from_dict(app.openapi())
OPERATIONS = {
    operation.label: operation
    for operation in (each.ok() for each in DESCRIPTION.get_all_operations() if isinstance(each, Ok))
}
# /events streams without end: tests/system/test_events.py.
FINITE = sorted(OPERATIONS.keys() - {"GET /events"})
NOTHING_TO_GET_WRONG = {
    "GET /channels",
    "GET /status",
    "GET /limits",
    "GET /health",
    "GET /ready",
    "POST /downloads/clear",
    "GET /downloads/{download_id}",
    "GET /jobs/{job_id}",
    "GET /downloads/{download_id}/file",
    "POST /downloads/{download_id}/file/link",
}
MAX_QUERY_CHARS = 12_000  # a head of 16 KiB is refused whatever it asks for
OPEN = {"GET /health", "GET /ready"}
CHECKS = [
    not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_headers_conformance,
    conformance.response_schema_conformance,
]
few = settings(max_examples=25, suppress_health_check=list(HealthCheck))


def described(label: str, mode: GenerationMode) -> st.SearchStrategy[Case[Any]]:
    return OPERATIONS[label].as_strategy(generation_mode=mode)


def ask_as_described(running: FrontEnd, case: Case[Any], **headers: str) -> int:
    """The status of the answer, which is as described. A POST without a body says, too, that it is JSON."""
    kind = {"content-type": "application/json"} if case.method == "POST" else {}
    answer = case.call_and_validate(f"http://127.0.0.1:{running.port}", headers=kind | headers, checks=CHECKS)
    return answer.status_code


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    with one_front_end(tmp_path_factory.mktemp("guarded"), SIMULCAST_TOKEN_SECRET=SECRET) as program:
        yield program


@pytest.mark.parametrize("label", FINITE)
def test_what_fits_is_answered_as_described(label: str, shared_front_end: FrontEnd) -> None:
    @few
    @given(described(label, GenerationMode.POSITIVE))
    def fits(case: Case[Any]) -> None:
        ask_as_described(shared_front_end, case)

    fits()


@pytest.mark.parametrize("label", [label for label in FINITE if label not in NOTHING_TO_GET_WRONG])
def test_what_does_not_fit_is_refused_as_described(label: str, shared_front_end: FrontEnd) -> None:
    @few
    @given(described(label, GenerationMode.NEGATIVE))
    def does_not_fit(case: Case[Any]) -> None:
        assume(len(urlencode(case.query or {}, doseq=True)) < MAX_QUERY_CHARS)
        ask_as_described(shared_front_end, case)

    does_not_fit()


@pytest.mark.long
@pytest.mark.parametrize("label", FINITE)
def test_where_tokens_are_wanted_nothing_is_done_without_one(label: str, guarded: FrontEnd) -> None:
    @few
    @given(described(label, GenerationMode.POSITIVE), st.sampled_from(["", "x", token(scope=""), token()[:-2] + "xx"]))
    def without(case: Case[Any], shown: str) -> None:
        headers = {"authorization": f"Bearer {shown}"} if shown else {}
        assert ask_as_described(guarded, case, **headers) in ({200} if label in OPEN else {401, 403, 404, 405})

    without()


@pytest.mark.long
@pytest.mark.parametrize("label", FINITE)
def test_with_a_token_it_is_answered_as_described(label: str, guarded: FrontEnd) -> None:
    @few
    @given(described(label, GenerationMode.POSITIVE), st.sampled_from([*SCOPES, "watch command"]))
    def with_one(case: Case[Any], scope: str) -> None:
        ask_as_described(guarded, case, authorization=f"Bearer {token(scope, channels=['*'])}")

    with_one()


PATHS = [
    "/downloads",
    "/downloads/x",
    "/downloads/x/file",
    "/downloads/clear",
    "/downloads/x/pause",
    "/channels/a/publish",
    "/publish",
    "/health",
    "/",
    "/ws",
]
KINDS = [
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json, x",
]
DEEP = b"[" * 71_000
READING = {"/downloads", "/channels/a/publish", "/publish"}
METHODS = ["PUT", "PATCH", "TRACE", "OPTIONS", "HEAD", "CONNECT", "FLY", "get"]


@pytest.mark.parametrize("path", PATHS)
async def test_other_methods_kinds_and_sizes_are_refused_and_never_an_error_of_ours(
    path: str, shared_front_end: FrontEnd
) -> None:
    head = f"{{}} {path} HTTP/1.1\nHost: localhost\n{{}}"
    for method in METHODS:
        status, answer = await raw_request(shared_front_end, head.format(method, "Content-Type: application/json"))
        # A download takes PATCH, but no empty body; the head of /ws says that it is a WebSocket.
        allowed = {"PATCH": (422,), "HEAD": (426,)}.get(method, ())
        assert status in (200, 404, 405, 415, *allowed) and (status != 200 or method == "HEAD"), answer
    for kind in KINDS:
        status, answer = await raw_request(
            shared_front_end, head.format("POST", f"Content-Type: {kind}"), b'{"url":"http://h/"}'
        )
        assert status == 415, answer
    try:
        status, answer = await raw_request(
            shared_front_end, head.format("POST", "Content-Type: application/json"), DEEP
        )
    except ConnectionResetError:  # refused before it was read, and closed
        assert path not in READING
    else:
        assert status in (200, 404, 405, 422), answer
