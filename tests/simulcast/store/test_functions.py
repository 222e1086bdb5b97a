"""The functions' flags, and replies of Redis as errors with their remedy."""

from contextlib import suppress
from typing import get_args

import pytest
import redis

from simulcast.errors import NotPermitted
from simulcast.launcher.embedded import EmbeddedServer
from simulcast.notify import broadcast_message
from simulcast.store.functions import Function, code, library_hash, translate_error
from tests.valkey import Valkey


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


def test_every_function_but_those_that_bring_something_new_runs_in_a_full_redis(valkey: Valkey) -> None:
    with valkey.admin() as client:
        with suppress(redis.ResponseError):  # it is there already
            client.function_load(code())
        (library_,) = client.execute_command("FUNCTION LIST", "LIBRARYNAME", f"simulcast_{library_hash()}")
    fields = dict(zip(library_[::2], library_[1::2], strict=True))
    functions = [dict(zip(each[::2], each[1::2], strict=True)) for each in fields[b"functions"]]
    flags = {each[b"name"].decode().removesuffix(f"_{library_hash()}"): each[b"flags"] for each in functions}
    assert len(flags) == len(get_args(Function))
    new = {f"simulcast_{name}" for name in ("publish", "submit", "queue_job", "start_job", "set_limits")}
    assert {name for name in flags if not flags[name]} == new
