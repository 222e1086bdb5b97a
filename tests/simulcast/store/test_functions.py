"""Replies of Redis as errors with their remedy."""

import pytest
import redis

from simulcast.errors import NotPermitted
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.notify import broadcast_message
from simulcast.store.functions import translate_error


@pytest.mark.parametrize("user", ["", "simulcast:guess@", ":guess@"])
async def test_a_publisher_without_the_password_is_sent_to_redis_url_and_not_to_acls(
    embedded: EmbeddedServer, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://{user}localhost:{embedded.port}/0")
    with pytest.raises(NotPermitted, match=r"requires a user and a password.*REDIS_URL.*data/redis\.url") as raised:
        await broadcast_message({"type": "x"})
    assert "ACL" not in str(raised.value) and "guess" not in str(raised.value)


def test_a_protocol_error_before_any_user_is_named_is_a_missing_password() -> None:
    error = redis.ResponseError("Protocol error: unauthenticated multibulk length")  # Redis 7.0, to a long FCALL
    assert "requires a user and a password" in str(translate_error(error, "publish"))


def test_a_user_that_lacks_a_right_is_sent_to_acls() -> None:
    error = redis.exceptions.NoPermissionError("User app has no permissions to run the 'fcall' command")
    assert "ACL SETUSER" in str(translate_error(error, "publish"))
