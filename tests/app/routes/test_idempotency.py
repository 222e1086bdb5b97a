"""Idempotency-Key: the same request again gets the same answer, from any front-end, and happens once."""

import asyncio
import secrets

import pytest
import redis.asyncio

from simulcast.answers import ANSWER_TTL_S, AnswerStore, RequestChanged
from simulcast.broker import Broker
from simulcast.model.channel import ChannelNames
from tests.jobs import history
from tests.json_requests import send_json
from tests.programs import StartFrontEnd
from tests.service import FrontEnd
from tests.signed_tokens import token
from tests.valkey import Valkey

URL = "http://example.com/a"
REQUESTS = [
    ("/publish", {"items": [{"channel": "c", "event": {"n": 1}}, {"channel": "c", "event": [1]}]}),
    ("/channels/c/publish", {"n": 1}),
    ("/downloads", {"url": URL, "again": True}),
]


@pytest.mark.long
@pytest.mark.parametrize(("path", "body"), REQUESTS)
async def test_a_repetition_gets_the_same_answer_also_from_another_front_end_and_after_a_restart(
    path: str, body: dict[str, object], front_end: StartFrontEnd
) -> None:
    first, second = await front_end(), await front_end()
    answer = await send_json(first, "POST", path, body, key="k-1")
    assert answer.status in (200, 201), answer.text
    assert await send_json(second, "POST", path, body, key="k-1") == answer
    first.stop()
    third = await front_end()
    assert await send_json(third, "POST", path, body, key="k-1") == answer
    other = await send_json(second, "POST", path, body | {"again": True, "m": 1}, key="k-1")
    assert other.status == 422 and "with another body before" in other.body["detail"]
    assert await send_json(third, "POST", path, body, key="k-2") != answer
    broker = Broker.connect(second.redis_url)
    assert len(await history(broker, "downloads" if path == "/downloads" else "c")) == 2
    await broker.aclose()


@pytest.mark.parametrize(("path", "body"), REQUESTS)
async def test_a_front_end_that_died_before_it_kept_the_answer_has_carried_the_request_out_once(
    path: str, body: dict[str, object], shared_front_end: FrontEnd
) -> None:
    key = secrets.token_hex(8)
    answer = await send_json(shared_front_end, "POST", path, body, key=key)
    async with redis.asyncio.from_url(shared_front_end.redis_url) as client:
        await client.delete(*ChannelNames().answer_keys)
    assert await send_json(shared_front_end, "POST", path, body, key=key) == answer


async def test_repetitions_that_come_together_get_one_answer(shared_front_end: FrontEnd) -> None:
    sends = [
        send_json(shared_front_end, "POST", "/downloads", {"url": URL, "again": True}, key="together") for _ in range(8)
    ]
    answers = await asyncio.gather(*sends)
    assert {(answer.status, answer.text) for answer in answers} == {(201, answers[0].text)}


async def test_a_refused_request_may_be_mended_only_under_another_key(shared_front_end: FrontEnd) -> None:
    refused = await send_json(shared_front_end, "POST", "/downloads", {"url": "nonsense"}, key="mend")
    assert refused.status == 422
    again = await send_json(shared_front_end, "POST", "/downloads", {"url": URL}, key="mend")
    assert again.status == 422 and "use a new key" in again.body["detail"]


@pytest.mark.parametrize("key", ["k" * 201, "a b", "\x80", " "])
async def test_a_key_that_is_none_is_refused(key: str, shared_front_end: FrontEnd) -> None:
    answer = await send_json(shared_front_end, "POST", "/channels/c/publish", {}, key=key)
    assert answer.status == 422 and "Idempotency-Key" in answer.body["detail"]


async def test_clients_of_other_rights_have_keys_of_their_own(guarded: FrontEnd) -> None:
    body = {"items": [{"channel": "team-1", "event": {}}, {"channel": "downloads", "event": {}}]}
    mine = await send_json(guarded, "POST", "/publish", body, token=token("publish", channels=["team-*"]), key="k")
    theirs = await send_json(guarded, "POST", "/publish", body, token=token("publish"), key="k")
    assert ["error" in result for result in mine.body["results"]] == [False, True]
    assert ["error" in result for result in theirs.body["results"]] == [True, False]
    assert (await send_json(guarded, "POST", "/publish", body, key="k")).status == 401


async def test_an_answer_that_redis_was_too_full_for_is_tried_again(
    front_end: StartFrontEnd, own_valkey: Valkey
) -> None:
    running = await front_end()
    body = {"items": [{"event": {"n": 1}}]}
    with own_valkey.admin() as admin:
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", "1")
        refused = await send_json(running, "POST", "/publish", body, key="full")
        admin.config_set("maxmemory", "0")
    assert refused.body["results"][0]["error"] == "unavailable"
    assert "event_id" in (await send_json(running, "POST", "/publish", body, key="full")).body["results"][0]


async def test_answers_have_an_end_and_a_bound_in_bytes(own_valkey: Valkey, own_broker: Broker) -> None:
    answers = AnswerStore(own_broker)
    texts, begun_at = ChannelNames().answer_keys
    async with redis.asyncio.from_url(own_valkey.url) as client:
        for n in range(40):
            assert await answers.begin(f"{n:064x}", "aa") == ""
            assert await answers.finish(f"{n:064x}", "aa", "x" * 1_000_000) == "x" * 1_000_000
        size = sum([len(value) for field, value in (await client.hgetall(texts)).items() if field != b"bytes"])
        assert 15_000_000 < size < 18_000_000
        assert await answers.begin(f"{39:064x}", "aa") == "x" * 1_000_000
        assert await answers.begin(f"{0:064x}", "bb") == ""
        for key in (texts, begun_at):
            assert 0 < await client.ttl(key) <= ANSWER_TTL_S
        await client.zadd(begun_at, {f"{39:064x}": 1})
        assert await answers.begin(f"{39:064x}", "bb") == ""  # it was too old
        with pytest.raises(RequestChanged):
            await answers.begin(f"{39:064x}", "aa")
        await client.delete(begun_at)  # as Redis evicts it
        await answers.begin("cc", "aa")
        await answers.begin("dd", "aa")
        assert await client.hlen(texts) == 3


async def test_answers_take_only_so_much_of_a_small_redis(own_valkey: Valkey, own_broker: Broker) -> None:
    answers = AnswerStore(own_broker)
    async with redis.asyncio.from_url(own_valkey.url) as client:
        await client.config_set("maxmemory", str(48 * 1024 * 1024))
        await own_broker.head()
        for n in range(20):
            await answers.begin(f"{n:064x}", "aa")
            await answers.finish(f"{n:064x}", "aa", "x" * 200_000)
        size = await client.hget(ChannelNames().answer_keys[0], "bytes")
        assert size is not None and int(size) <= 48 * 1024 * 1024 / 32 + 210_000
