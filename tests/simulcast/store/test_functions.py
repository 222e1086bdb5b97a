"""Replies of Redis as errors with their remedy."""

import pytest
import redis

from simulcast.errors import NotPermitted
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.notify import broadcast_message
from simulcast.store.functions import translate_error
from tests.valkey import Valkey


@pytest.mark.parametrize("user", ["", "simulcast:guess@", ":guess@"])
async def test_a_publisher_without_the_password_is_sent_to_redis_url_and_not_to_acls(
    embedded: EmbeddedServer, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://{user}localhost:{embedded.port}/0")
    with pytest.raises(NotPermitted, match=r"requires a user and a password.*REDIS_URL.*data/redis\.url") as raised:
        await broadcast_message({"type": "x"})
    assert "ACL" not in str(raised.value) and "guess" not in str(raised.value)


async def test_a_publisher_without_the_password_of_a_plain_redis_is_sent_to_redis_url(
    own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", own_valkey.url)
    with redis.Redis(port=own_valkey.port, protocol=2) as client:
        client.config_set("requirepass", "hidden")
        with pytest.raises(NotPermitted, match="requires a user and a password"):
            await broadcast_message({"type": "x"})
        client.config_set("requirepass", "")


def test_a_user_that_lacks_a_right_is_sent_to_acls() -> None:
    error = redis.exceptions.NoPermissionError("User app has no permissions to run the 'fcall' command")
    assert "ACL SETUSER" in str(translate_error(error, "publish"))
