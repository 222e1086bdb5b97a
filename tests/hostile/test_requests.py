"""Queries, tokens, hosts, origins and settings, whatever they are."""

import base64
import contextlib
import json
import re

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request

from app.access.hosts import check_host
from app.access.middleware import RequestFilterMiddleware
from app.access.tokens import TokenRefused
from simulcast.frontend.origins import check_origin
from simulcast.frontend.subscriptions import options
from simulcast.model.ip_address import parse_ip_address
from simulcast.settings.front_end import FrontEndSettings
from simulcast.settings.redis import explain
from simulcast.settings.shared import split_commas
from simulcast.settings.token_keys import jwk_keys
from tests.hostile.texts import in_few_words, messages, text, values
from tests.signed_tokens import SECRET, grant_of

parameters = st.tuples(
    st.sampled_from(["channel", "since", "download_id", "interval_ms", "last_event_id", "else"]),
    st.one_of(
        text,
        st.sampled_from(
            ["a", "downloads", "1-1", "a:1-1,b:2-2", "100", "0" * 10 + "9" * 20, "0" * 5000, "1_0", "٣", "1e3"]
        ),
        st.integers().map(str),
    ),
)


@given(st.lists(parameters, max_size=70))
@example([("interval_ms", "0" * 10 + "9" * 20)])
@example([("interval_ms", "0" * 5000)])
@example([("since", ",".join(f"c{number}:1-1" for number in range(5000)))])
@example([("channel", f"c{number}") for number in range(51)])
def test_whatever_the_query_little_is_kept_of_it_or_it_is_refused_by_name(query: list[tuple[str, str]]) -> None:
    try:
        found = options.parse(query)
    except ValueError as error:
        in_few_words(error)
        assert re.match(r"(since|channel|download_id|interval_ms): |a channel has", str(error))
        return
    assert 1 <= len(found.channels) <= options.MAX_CHANNELS_PER_CONNECTION
    assert set(found.since) <= set(found.channels)
    assert len(found.download_id) <= 200
    assert 0 <= found.interval_ms <= 60_000


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


claims = st.dictionaries(
    st.sampled_from(["aud", "exp", "scope", "channels", "nbf", "iat", "iss", "sub", "jti", "else"]),
    values,
    max_size=8,
).map(lambda found: "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in found.items()) + "}")
forged = st.one_of(
    text,
    st.builds(
        lambda head, body, end: f"{part(head.encode())}.{part(body.encode())}.{part(end.encode())}",
        messages,
        claims,
        text,
    ),
)
signed = claims.map(lambda found: jwt.api_jws.PyJWS().encode(found.encode(errors="surrogatepass"), SECRET, "HS256"))


@given(st.one_of(forged, signed))
@example(part(b"[" * 3000) + "." + part(b"{}") + ".")
@example("\ud800")
@example(part(b'{"alg":"HS256","crit":["\\ud800"]}') + "." + part(b"{}") + ".")
@example(jwt.api_jws.PyJWS().encode(b'{"aud":"simulcast","exp":' + b"9" * 400 + b"}", SECRET, "HS256"))
@example(jwt.api_jws.PyJWS().encode(b'{"aud":"simulcast","exp":1e400}', SECRET, "HS256"))
def test_whatever_is_shown_as_a_token_it_is_refused_without_being_repeated(token: str) -> None:
    """None of these says until when and for what it is valid."""
    try:
        grant = grant_of(token)
    except TokenRefused as error:
        in_few_words(error)
        str(error).encode()  # answers are UTF-8
        assert len(token) < 16 or token not in str(error)
        return
    assert "." in token
    assert grant.expires_at > 0
    assert grant.expires_at < float("inf")


@given(st.one_of(messages, messages.map('{{"keys":[{}]}}'.format)))
def test_any_text_is_a_key_set_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert all(key.algorithm in ("RS256", "ES256", "EdDSA") for key in jwk_keys(text.encode("utf-8", "replace")))


names = st.one_of(
    text,
    st.sampled_from(["localhost", "LOCALHOST.", "127.0.0.1", "[::1]", "evil.example", "localhost.evil.example"]),
    st.sampled_from(["127.0.0.1.evil.example", "evil.example#localhost", "evil@localhost", "local\thost", "[::1%25x]"]),
    st.sampled_from(
        ["ⓛocalhost", "localhost\\@evil.example", "[v1.x]", "localhost ", "0x7f.1", "", "*", "a,localhost"]
    ),
)
ports = st.sampled_from(["", ":", ":80", ":8080", ":0", ":99999", ":x", ":+80", ":８０", ":80:80", "@x", "/", "?", "#"])
netlocs = st.builds(str.__add__, names, ports)


@given(netlocs)
@example("local\thost")
@example("\nlocalhost")
def test_a_host_passes_only_as_localhost_an_address_or_a_name_that_is_listed(host: str) -> None:
    if check_host(host, {"known.example"}) is None:
        name = re.sub(r"\.*(:[0-9]*)?\Z", "", host.lower(), flags=re.ASCII)
        assert name in ("localhost", "known.example") or re.fullmatch(r"[0-9.]+|\[[0-9a-f:.]+(%.+)?\]", name, re.ASCII)


@given(
    st.sampled_from(["http://", "https://", "HTTP://", "file://", "null", "", "//", "ws://", "http:"]), netlocs, netlocs
)
@example("http://", "local\thost", "localhost")
@example("http://", "LOCALHOST?", "")
@example("http://", "localhost#", "localhost")
@example("http://", "evil.example", "evil.example\t")
def test_an_origin_passes_only_as_this_machine_or_as_the_service_itself(scheme: str, netloc: str, host: str) -> None:
    origin = scheme + netloc
    if check_origin(origin, host, "http") is None:
        same = re.fullmatch(r"https?://([^/?#@\s]+?)\.*(?::[0-9]*)?", origin.lower(), re.ASCII)
        assert same is not None
        address = parse_ip_address(same[1].strip("[]"))
        is_here = same[1] == "localhost" or (address is not None and address.is_loopback)
        assert is_here or host.lower().startswith(same[1])


@pytest.mark.parametrize(
    ("path", "root_path", "refused"),
    [
        ("/health", "", False),
        ("/x/health", "/x", False),
        ("/x//health", "/x/", False),
        ("/downloads/health", "", True),
        ("/downloads/ready", "/x", True),
        ("/x/downloads/ready", "/x", True),
    ],
)
async def test_only_the_probes_may_be_asked_by_a_name_that_nobody_listed(
    path: str, root_path: str, refused: bool
) -> None:
    """A name that was rebound to this machine must not read a download because of what its id is."""
    statuses: list[int] = []

    async def through(scope: object, receive: object, send: object) -> None:
        statuses.append(200)

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(int(str(message["status"])))

    scope = {
        **{"type": "http", "method": "GET", "scheme": "http", "path": path, "root_path": root_path},
        **{"query_string": b"", "headers": [(b"host", b"evil.example")]},
    }
    await RequestFilterMiddleware(through, ())(scope, Request(scope).receive, send)  # type: ignore[arg-type]
    assert statuses == [421 if refused else 200]


@given(text)
def test_what_commas_separate_has_no_commas_and_no_space_around(value: str) -> None:
    parts = split_commas(value)
    assert isinstance(parts, tuple)
    assert all(part and part == part.strip() and "," not in part for part in parts)


@given(st.sampled_from(["port", "allowed_hosts", "compression", "log"]), values)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: str) -> None:
    try:
        found = FrontEndSettings.model_validate({name: value})
    except ValidationError as error:
        assert explain(error).startswith(f"SIMULCAST_{name.upper()}=")
        return
    assert 1 <= found.port <= 65535
    assert found.log in ("debug", "info", "warning", "error")
