"""One delivery by HTTP: by the rules of downloads' addresses, and bounded, whatever the receiver does."""

import base64
from collections.abc import Callable

import pytest

from simulcast.webhooks import Delivery
from tests.scripted_server import Reply, Server, answer, silence_after
from tests.webhook_receiver import SECRET, receiving
from workers.errors import AddressRefused, DownloadFailed, HTTPStatusError, ReadTimeout
from workers.http.client import Client
from workers.webhooks import post
from workers.webhooks.post import Poster

KEYS = [base64.b64decode(SECRET.removeprefix("whsec_"))]
MakeDelivery = Callable[..., Delivery]


async def test_a_receiver_verifies_it_and_finds_the_event_in_it(client: Client, delivery: MakeDelivery) -> None:
    async with receiving() as receiver:
        for _ in range(2):
            await Poster(client, KEYS).post(delivery(receiver.url))
    (first, event), (second, _) = receiver.got
    assert first == second
    assert event["event_id"] == "1790000000000-7"
    assert event["channel"] == "downloads"


async def test_without_a_secret_it_has_no_signature(client: Client, server: Server, delivery: MakeDelivery) -> None:
    await Poster(client, []).post(delivery(server.at("/", answer(200, {}))))
    (request,) = server.requests
    assert "webhook-signature" not in request.headers
    assert request.headers["webhook-id"] == delivery().message_id
    assert request.headers["content-type"] == "application/json"


async def test_user_and_password_of_the_address_are_sent_as_such(
    client: Client, server: Server, delivery: MakeDelivery
) -> None:
    url = server.at("/a", answer(204, {})).replace("://", "://user:pass@") + "?b=c"
    await Poster(client, KEYS).post(delivery(url))
    assert server.requests[0].headers["authorization"] == "Basic dXNlcjpwYXNz"
    assert server.requests[0].target == "/a?b=c"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(client: Client, server: Server, delivery: MakeDelivery, status: int) -> None:
    server.at("/other", answer(200, {}))
    with pytest.raises(HTTPStatusError, match=str(status)):
        await Poster(client, KEYS).post(delivery(server.at("/", answer(status, {"Location": "/other"}))))
    assert [request.target for request in server.requests] == ["/"]


@pytest.mark.parametrize(
    "address",
    ["http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::1]/", "http://127.0.0.2/", "http://0x7f000002/"],
)
async def test_addresses_that_no_download_may_reach_are_told_nothing(
    client: Client, delivery: MakeDelivery, address: str
) -> None:
    with pytest.raises(AddressRefused):
        await Poster(client, KEYS).post(delivery(address))


@pytest.mark.parametrize(("headers", "asked_s"), [({}, None), ({"Retry-After": "7"}, 7.0)])
async def test_a_status_of_failure_is_one(
    client: Client, server: Server, delivery: MakeDelivery, headers: dict[str, str], asked_s: float | None
) -> None:
    with pytest.raises(HTTPStatusError, match="503") as caught:
        await Poster(client, KEYS).post(delivery(server.at("/", answer(503, headers))))
    assert caught.value.retry_after_s == asked_s


@pytest.mark.parametrize("length", [{}, {"Content-Length": "1000000000"}], ids=["unknown", "huge"])
async def test_the_body_of_an_answer_is_not_waited_for(
    client: Client, server: Server, delivery: MakeDelivery, length: dict[str, str]
) -> None:
    await Poster(client, KEYS).post(delivery(server.at("/", silence_after(answer(200, length)))))


async def never(*_: object) -> None:
    """Say nothing."""


@pytest.mark.parametrize("reply", [silence_after(never)], ids=["hangs"])
async def test_a_receiver_that_hangs_is_given_up_in_time(
    client: Client, server: Server, delivery: MakeDelivery, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    monkeypatch.setattr(post, "POST_TIMEOUT_S", 0.2)
    with pytest.raises(ReadTimeout, match=r"no answer for 0\.2 s"):
        await Poster(client, KEYS).post(delivery(server.at("/", reply)))


async def test_a_receiver_that_is_away_is_a_failure_with_its_reason(client: Client, delivery: MakeDelivery) -> None:
    async with Server() as server:
        url = server.at("/", answer(200, {}))
    with pytest.raises(DownloadFailed, match="refused"):
        await Poster(client, KEYS).post(delivery(url))
