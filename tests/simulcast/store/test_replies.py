"""Each error reply of Redis, Valkey and Sentinel has a decision: the call waits and is sent again, or it is refused."""

import asyncio
from contextlib import suppress

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio.connection import Connection

from simulcast.broker import Broker
from simulcast.errors import BrokerUnavailable
from simulcast.model.events import complete_event
from simulcast.store.replies import TEMPORARY_CODES, is_unavailable
from tests.conditions import until
from tests.valkey import Valkey

TEXTS = {
    "BUSY": "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "LOADING": "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN": "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "MISCONF": "MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.",
    "MOVED": "MOVED 3999 127.0.0.1:6381",
    "ASK": "ASK 3999 127.0.0.1:6381",
    "READONLY": "READONLY You can't write against a read only replica. script: x, on @user_function:12.",
    "OOM": "OOM command not allowed when used memory > 'maxmemory'. script: x, on @user_function:12.",
    "NOAUTH": "NOAUTH Authentication required.",
    "NOPERM": "NOPERM User app has no permissions to run the 'fcall' command",
}
FINAL_CODES = (
    *("OOM", "NOAUTH", "WRONGPASS", "NOPERM", "DENIED", "NOPROTO", "WRONGTYPE", "CROSSSLOT", "EXECABORT", "NOSCRIPT"),
    *("NOTBUSY", "BUSYKEY", "BUSYGROUP", "NOGROUP", "UNBLOCKED", "NOMASTERLINK", "NOQUORUM", "DUPLICATE", "ERR"),
)
CODES = sorted(TEMPORARY_CODES.union(FINAL_CODES))


def parsed(text: str) -> Exception:
    """The reply as redis-py raises it."""
    error: Exception = Connection()._parser.parse_error(text)
    return error


@pytest.mark.parametrize("code", CODES)
def test_a_reply_means_what_the_table_says_however_the_library_wraps_it(code: str) -> None:
    error = parsed(TEXTS.get(code, f"{code} some text"))
    assert is_unavailable(error) == (code not in FINAL_CODES)


@given(
    st.sampled_from([code for code in CODES if code not in ("ASK", "MOVED")]),
    st.text(st.characters(min_codepoint=32), max_size=60),
)
def test_a_reply_means_the_same_whatever_text_follows_its_code(code: str, text: str) -> None:
    error = parsed(f"{TEXTS.get(code, code)} {text}")
    assert is_unavailable(error) == (code not in FINAL_CODES)


@given(
    st.from_regex("[A-Z]{3,12}", fullmatch=True).filter(lambda code: code not in CODES),
    st.text(st.characters(min_codepoint=32), max_size=60),
)
def test_a_code_that_no_version_has_yet_is_refused(code: str, text: str) -> None:
    assert not is_unavailable(parsed(f"{code} {text}"))


@pytest.mark.parametrize(
    ("reply", "later"),
    [
        (redis.ConnectionError("gone"), True),
        (redis.TimeoutError("silent"), True),
        (parsed("ERR max number of clients reached"), True),
        (parsed("ERR max number of clients + cluster connections reached"), True),
        (parsed("WRONGPASS invalid username-password pair or user is disabled."), False),
        (parsed("ERR Error running script: Script killed by user with FUNCTION KILL"), True),
        (parsed("SOMETHING that no version has yet"), False),
        (b"OK", False),
        (None, False),
    ],
)
def test_losses_wait_and_what_is_unknown_is_refused(reply: object, later: bool) -> None:
    assert is_unavailable(reply) is later


def keep_busy(server: Valkey) -> None:
    """Returns once the script is killed."""
    with server.admin() as client, suppress(redis.ResponseError):
        client.execute_command("EVAL", "while true do end", 0)


def is_busy(server: Valkey) -> bool:
    with server.admin() as client:
        try:
            client.ping()
        except redis.ResponseError as error:
            return str(error).startswith("BUSY")
        return False


async def test_an_end_waits_while_another_client_keeps_redis_busy(own_valkey: Valkey, channel: str) -> None:
    broker = Broker.connect(own_valkey.url)
    assert await broker.publish({"type": "n"}, channel) is not None
    with own_valkey.admin() as admin:
        admin.config_set("busy-reply-threshold", 50)
    running = asyncio.create_task(asyncio.to_thread(keep_busy, own_valkey))
    await until(lambda: is_busy(own_valkey), "a busy server")
    end = asyncio.create_task(broker.publish(complete_event("a", "/x"), channel))
    await until(lambda: broker.sender(channel)._failures > 0, "a first refusal")
    with own_valkey.admin() as admin:
        admin.execute_command("SCRIPT KILL")
    assert await end is not None
    await running
    await broker.aclose()


async def test_a_full_redis_is_named_as_the_reason(own_valkey: Valkey, channel: str) -> None:
    broker = Broker.connect(own_valkey.url)
    with own_valkey.admin() as admin:
        admin.config_set("maxmemory", "1")
    with pytest.raises(BrokerUnavailable, match="Redis is full"):
        await broker.publish({"type": "n"}, channel)
    await broker.aclose()


async def test_the_first_read_after_a_restart_is_answered(own_valkey: Valkey, channel: str) -> None:
    broker = Broker.connect(own_valkey.url)
    await broker.snapshot(channel)
    own_valkey.kill()
    own_valkey.start()
    assert (await broker.snapshot(channel)).publications == []
    await broker.aclose()
