"""Batches of events by REST, whatever they hold: each item gets an answer, and nothing else is harmed."""

import asyncio
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.texts import NAMES, messages, values
from tests.hostile.unharmed import unharmed_client
from tests.json_requests import send_json
from tests.service import FrontEnd

OPTIONS = st.sampled_from(["channel", "event", "key", "idempotency_key", "ttl_s", "ends", *NAMES])
items = st.one_of(
    messages,
    st.lists(st.tuples(OPTIONS, values), max_size=6).map(
        lambda members: "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in members) + "}"
    ),
    messages.map(lambda text: f'{{"channel":"hostile","event":{text},"key":"k"}}'),
)
few = settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)


def test_each_item_of_a_batch_is_answered_and_a_body_that_is_none_is_refused(shared_front_end: FrontEnd) -> None:
    @few
    @given(st.lists(items, max_size=5))
    def send(texts: list[str]) -> None:
        body = ('{{"items": [{}]}}'.format(",".join(texts))).encode()
        answer = asyncio.run(send_json(shared_front_end, "POST", "/publish", body))
        assert answer.status in (200, 422), answer.text
        if answer.status == 422:
            assert len(answer.text) < 600
            return
        for result in answer.body["results"]:
            assert set(result) in ({"event_id"}, {"error", "detail"}), result
            assert len(result.get("detail", "")) < 600

    send()


async def test_clients_receive_further_events(shared_front_end: FrontEnd) -> None:
    async with unharmed_client(shared_front_end):
        deep = '{"event":' + '{"a":' * 900 + "1" + "}" * 900 + "}"
        good = '{"event":{"type":"mine"}}'
        answer = await send_json(shared_front_end, "POST", "/publish", f'{{"items":[{deep},{good}]}}'.encode())
        assert answer.status == 422 or "event_id" in answer.body["results"][1], answer.text
