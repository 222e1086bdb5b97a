"""The permissions of a client."""

import math
import time
import tracemalloc

import pytest

from simulcast.frontend.grant import FULL_ACCESS, Grant
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
    assert FULL_ACCESS.remaining_s is None


def test_a_grant_knows_how_long_it_holds() -> None:
    assert 0 < (Grant({"watch"}, expires_at=time.time() + 100).remaining_s or 0) <= 100
    assert (Grant({"watch"}, expires_at=time.time() - 100).remaining_s or 0) < 0


def test_one_text_in_place_of_a_collection_is_refused() -> None:
    with pytest.raises(TypeError, match="collections of texts"):
        Grant("watch")
    with pytest.raises(TypeError, match="collections of texts"):
        Grant({"watch"}, "jobs-*")


@pytest.mark.parametrize("pattern", ["user.{}", "user.{}.*"], ids=["names", "patterns"])
def test_nothing_is_kept_of_the_channels_of_very_many_users(pattern: str) -> None:
    tracemalloc.start()
    try:
        for number in range(1000):
            Grant({"watch"}, [pattern.format(number)]).allows("watch", "downloads")
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1000, 4000):
            Grant({"watch"}, [pattern.format(number)]).allows("watch", "downloads")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 500_000
