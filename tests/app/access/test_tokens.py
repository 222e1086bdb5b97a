"""Which tokens are believed."""

import contextlib
import math
import time

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.tokens import MAX_LIFETIME_S, TokenRefused, grant_from_claims
from simulcast.frontend.grant import Grant
from simulcast.settings.token_keys import pem_keys, secret_key
from tests.signed_tokens import SECRET, claims, grant_of, rsa_key, signed_by_hand, token


def test_what_its_key_signed_is_believed() -> None:
    assert grant_of(token("watch publish", channels=["a"])).scopes == {"watch", "publish"}
    private, public = rsa_key()
    assert grant_of(jwt.encode(claims("command"), private, "RS256"), pem_keys(public)).scopes == {"command"}
    assert grant_of(signed_by_hand({"alg": "HS256"}, claims(), SECRET)).channels == ("downloads",)


@pytest.mark.parametrize(
    "bad",
    [
        jwt.encode(claims(), "another secret, and long enough too", "HS256"),
        jwt.encode(claims(), SECRET, "HS512"),
        token(aud="another service"),
        jwt.encode({"exp": time.time() + 60, "scope": "watch"}, SECRET, "HS256"),
        jwt.encode({"aud": "simulcast", "scope": "watch"}, SECRET, "HS256"),
        token(nbf=int(time.time()) + 3600),
        token(channels=7),
        signed_by_hand({"alg": "none"}, claims()),
        signed_by_hand({"alg": "None"}, claims()),
        signed_by_hand({"alg": ["HS256"]}, claims(), SECRET),
        signed_by_hand({"alg": "HS256"}, '{"aud":"simulcast","exp":Infinity}', SECRET),
        signed_by_hand({"alg": "HS256"}, "[" * 2000, SECRET),
        token() + "x",
        "x" * 5000,
        "a.b.c",
        "",
        "ü.ü.ü",
    ],
    ids=[
        "another key",
        "another algorithm",
        "another audience",
        "no audience",
        "no end",
        "not yet",
        "channels that are none",
        "no signature",
        "no signature, spelt otherwise",
        "a list for the algorithm",
        "an end never",
        "deep JSON",
        "a byte more",
        "long",
        "three letters",
        "nothing",
        "not ASCII",
    ],
)
def test_anything_else_is_refused_without_being_repeated(bad: str) -> None:
    with pytest.raises(TokenRefused, match="get a") as caught:
        grant_of(bad)
    assert not caught.value.expired
    assert len(bad) < 10 or bad not in str(caught.value)


def test_a_public_key_is_no_secret() -> None:
    """RFC 8725 §2.1: whoever knows the public key signs with it by HS256."""
    _, public = rsa_key()
    with pytest.raises(TokenRefused):
        grant_of(signed_by_hand({"alg": "HS256"}, claims(), public), pem_keys(public))
    with pytest.raises(ValueError, match="asymmetric key"):
        secret_key(public)


@pytest.mark.parametrize("age_s", [1, 59, 61, 3600])
def test_one_that_has_expired_says_so(age_s: int) -> None:
    with pytest.raises(TokenRefused, match="expired") as caught:
        grant_of(token(exp=int(time.time()) - age_s))
    assert caught.value.expired


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_the_clock_of_the_issuer_may_be_ahead_by_a_minute(claim: str) -> None:
    ahead = jwt.encode(claims() | {claim: int(time.time()) + 50}, SECRET, "HS256")
    assert grant_of(ahead).scopes == {"watch"}


def test_one_from_the_future_is_refused() -> None:
    with pytest.raises(TokenRefused, match="not yet valid"):
        grant_of(token(nbf=int(time.time()) + 120))


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e9, 1e200])
def test_an_end_in_milliseconds_is_refused_by_name(factor: float) -> None:
    expires_at = time.time() * factor
    with pytest.raises(TokenRefused, match="exp is more than 10 years ahead: it is in seconds since 1970") as caught:
        grant_of(token(exp=int(expires_at) if factor < 1e9 else expires_at))
    assert not caught.value.expired


@pytest.mark.parametrize("claim", ["iss", "iat", "name"])
@pytest.mark.parametrize("value", [7, "7", 7.5, None, True, ["7"], {"id": 7}], ids=repr)
def test_claims_that_grant_nothing_may_have_any_form(claim: str, value: object) -> None:
    if claim == "iss":
        value = "an issuer"
    token = signed_by_hand({"alg": "HS256"}, claims() | {claim: value}, SECRET)
    assert grant_of(token).scopes == {"watch"}


@pytest.mark.parametrize("claim", ["sub", "jti"])
def test_a_token_by_whose_claims_none_could_be_revoked_is_refused(claim: str) -> None:
    for good in (7, "7", "x" * 255):
        grant = grant_of(signed_by_hand({"alg": "HS256"}, claims() | {claim: good}, SECRET))
        assert {"sub": grant.user, "jti": grant.token_id}[claim] == str(good)
    for bad in (7.5, None, True, ["7"], {"id": 7}, "", "x" * 256):
        with pytest.raises(TokenRefused, match=f"the claim {claim} is text of 1 to 255 characters"):
            grant_of(signed_by_hand({"alg": "HS256"}, claims() | {claim: bad}, SECRET))


CLAIM_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from(["exp", "nbf", "iat", "sub", "jti", "aud", "iss", "scope"]), CLAIM_VALUES))
def test_any_claims_are_granted_or_refused(changed: dict[str, object]) -> None:
    with contextlib.suppress(TokenRefused):
        grant = grant_of(signed_by_hand({"alg": "HS256"}, claims() | changed, SECRET))
        assert time.time() - 60 < grant.expires_at < time.time() + MAX_LIFETIME_S


@pytest.mark.parametrize("key", ["", "no key", rsa_key()[0]], ids=["none", "text", "private"])
def test_only_public_keys_verify(key: str) -> None:
    with pytest.raises(ValueError, match=r"key"):
        pem_keys(key)


def test_claims_are_read_and_what_they_leave_out_is_little() -> None:
    assert grant_from_claims({"exp": 5}) == Grant(frozenset(), ("downloads",), 5.0)
    assert grant_from_claims({"exp": 5, "scope": "watch command", "channels": ["a*"]}) == Grant(
        frozenset({"watch", "command"}), ("a*",), 5.0
    )


def test_a_user_without_channels_has_an_own_one_where_there_are_such() -> None:
    own = Grant(frozenset({"watch"}), ("user.alice",), 5.0, "alice", home="user.alice")
    assert grant_from_claims({"exp": 5, "scope": "watch", "sub": "alice"}, "user.") == own
    assert grant_from_claims({"exp": 5, "sub": 7}, "user.").channels == ("user.7",)
    for others in ({"sub": "alice", "channels": ["team"]}, {"sub": "alice", "scope": "watch admin"}, {"jti": "a"}):
        claims = {"exp": 5, **others}
        assert grant_from_claims(claims, "user.") == grant_from_claims(claims)
    assert not grant_from_claims({"exp": 5, "scope": "watch", "sub": "*"}, "user.").allows("watch", "user.alice")
    assert own.channel("", "downloads") == "user.alice" and own.channel("other", "downloads") == "other"
    assert Grant({"watch"}).channel("", "downloads") == "downloads"


@pytest.mark.parametrize(
    ("claims", "named"),
    [({"scope": ["watch"]}, "scope"), ({"channels": "downloads"}, "channels"), ({"channels": [1]}, "channels")]
    + [({"exp": exp}, "exp") for exp in (math.inf, "5", None)]
    + [({"sub": name}, "sub") for name in ("", "x" * 256, "\ud800", True, 1.5)],
)
def test_claims_that_make_no_sense_are_refused_by_name(claims: dict[str, object], named: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"the claim {named} "):
        grant_from_claims({"exp": 5} | claims)
