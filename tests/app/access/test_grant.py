"""What claims grant."""

import math

import pytest

from app.access.grant import FULL_ACCESS, Grant, grant_from_claims
from simulcast.model.token_claims import SCOPES


def test_a_grant_is_for_its_scopes_in_its_channels() -> None:
    grant = Grant(frozenset({"watch"}), ("downloads", "team-*"), 0.0)
    assert grant.allows("watch", "downloads") and grant.allows("watch", "team-7")
    assert "scope command" in (grant.refusal("command", "downloads") or "")
    assert "channel teams" in (grant.refusal("watch", "teams") or "")
    assert not grant.allows("watch", "TEAM-7") and not grant.allows("watch", "my-team-7")


def test_without_tokens_everything_is_allowed_for_ever() -> None:
    assert all(FULL_ACCESS.allows(scope, "any:channel") for scope in SCOPES)
    assert FULL_ACCESS.expires_at == math.inf


def test_claims_are_read_and_what_they_leave_out_is_little() -> None:
    assert grant_from_claims({"exp": 5}) == Grant(frozenset(), ("downloads",), 5.0)
    assert grant_from_claims({"exp": 5, "scope": "watch command", "channels": ["a*"]}) == Grant(
        frozenset({"watch", "command"}), ("a*",), 5.0
    )


@pytest.mark.parametrize(
    ("claims", "named"),
    [({"scope": ["watch"]}, "scope"), ({"channels": "downloads"}, "channels"), ({"channels": [1]}, "channels")]
    + [({"exp": exp}, "exp") for exp in (math.inf, "5", None)],
)
def test_claims_that_make_no_sense_are_refused_by_name(claims: dict[str, object], named: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"the claim {named} "):
        grant_from_claims({"exp": 5} | claims)
