"""Who may join, and what they may do there."""

import asyncio
import json
import time

import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.http_requests import request
from tests.service import FrontEnd, collect
from tests.signed_tokens import signed_by_hand, token

UNENCODABLE = signed_by_hand({"alg": "HS256", "crit": ["\ud800"]}, {})  # the refusal would repeat half a surrogate pair


async def join(
    running: FrontEnd, query: str = "", header: str | None = None, offered: list[str] | None = None, origin: str = ""
) -> ClientConnection:
    headers = {} if header is None else {"Authorization": f"Bearer {header}"}
    return await websockets.connect(
        running.ws + query,
        additional_headers=headers,
        origin=Origin(origin) if origin else None,
        subprotocols=[Subprotocol(name) for name in offered] if offered else None,
        proxy=None,
    )


async def refusal(running: FrontEnd, query: str = "", header: str | None = None, origin: str = "") -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        await join(running, query, header, origin=origin)
    response = caught.value.response
    return response.status_code, json.loads(response.body or b"{}")["detail"]


async def end(connection: ClientConnection) -> tuple[int | None, str | None]:
    """The close, before which nothing may come."""
    with pytest.raises(ConnectionClosed):
        raise AssertionError(await connection.recv())
    return connection.close_code, connection.close_reason


async def hears(running: FrontEnd, connection: ClientConnection, word: str, channel: str = "downloads") -> bool:
    """Whether an event published now arrives."""
    await request(running, "POST", f"/channels/{channel}/publish", token("publish", channels=["*"]), {"type": word})
    return word in (await collect(connection, word))[-1]


async def run_command(connection: ClientConnection, **command: str) -> dict[str, object]:
    await connection.send(json.dumps(command))
    found: dict[str, object] = json.loads((await collect(connection, '"command_result"'))[-1])
    return found


async def test_a_token_comes_by_header_or_as_a_subprotocol_which_is_not_echoed(guarded: FrontEnd) -> None:
    async with await join(guarded, header=token()) as connection:
        assert await hears(guarded, connection, "by-header")
    for spoken in ("simulcast.v1.joined", "simulcast.v1", "simulcast.flat"):
        async with await join(guarded, offered=[f"bearer.{token()}", spoken]) as connection:
            assert connection.subprotocol == spoken
            assert await hears(guarded, connection, f"by-{spoken}")


async def test_a_token_comes_in_the_first_message_and_nothing_is_told_before(guarded: FrontEnd) -> None:
    async with await join(guarded, offered=["simulcast.v1"]) as connection:
        await request(guarded, "POST", "/channels/downloads/publish", token("publish"), {"type": "too-early"})
        await connection.send(json.dumps({"action": "authenticate", "token": token()}))
        texts = await collect(connection, '"hello"')
        assert await hears(guarded, connection, "after-hello")
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("first", "code", "reason"),
    [
        ("Hello from Flutter!", 4401, "the first message here is"),
        ('{"action":"pause_download","download_id":"1"}', 4401, "the first message here is"),
        ('{"action":"authenticate","token":7}', 4401, "the first message here is"),
        (json.dumps({"action": "authenticate", "token": "x.y.z"}), 4401, "the token is not valid"),
        (json.dumps({"action": "authenticate", "token": UNENCODABLE}), 4401, "the token is not valid"),
        (json.dumps({"action": "authenticate", "token": token("command")}), 4403, "scope watch"),
        (json.dumps({"action": "authenticate", "token": token(channels=["b"])}), 4403, "channel downloads"),
    ],
)
async def test_another_first_message_closes(guarded: FrontEnd, first: str, code: int, reason: str) -> None:
    async with await join(guarded) as connection:
        await connection.send(first)
        found, said = await end(connection)
    assert found == code and reason in (said or "")


@pytest.mark.long
async def test_a_token_that_does_not_come_closes(guarded: FrontEnd) -> None:
    async with await join(guarded) as connection:
        assert await end(connection) == (4401, "no token came within 10 s: send one first")


async def test_a_handshake_is_refused_with_the_reason(guarded: FrontEnd) -> None:
    for bad in (token(aud="another"), token(exp=1), UNENCODABLE, "x.y.z", ""):
        assert (await refusal(guarded, header=bad))[0] == 401
    assert await refusal(guarded, header=token(exp=1)) == (401, "the token has expired: get a new one")
    assert await refusal(guarded, header=token("command publish")) == (
        403,
        "the token doesn't have the scope watch: get one that has it",
    )
    status, detail = await refusal(guarded, "?channel=downloads&channel=secret", header=token())
    assert status == 403 and "channel secret" in detail
    with pytest.raises(InvalidStatus):
        await join(guarded, offered=["bearer.x.y.z", "simulcast.v1"])


@pytest.mark.parametrize("name", ["token", "access_token", "%54oke%6e"])
async def test_a_token_in_the_url_is_refused(guarded: FrontEnd, name: str) -> None:
    status, detail = await refusal(guarded, f"?{name}=x", header=token())
    assert status == 400 and "a token in a URL" in detail


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1.evil.example", "null"])
async def test_a_valid_token_opens_nothing_to_a_page_of_another_site(guarded: FrontEnd, origin: str) -> None:
    status, detail = await refusal(guarded, header=token(), origin=origin)
    assert status == 403 and "may not use this service" in detail


async def test_commands_want_their_scope(guarded: FrontEnd) -> None:
    async with await join(guarded, header=token("watch publish")) as connection:
        found = await run_command(connection, action="pause_download", download_id="nobody")
        assert (found["status"], found["reason"]) == ("rejected", "not_allowed")
        assert "scope command" in str(found["message"])
        assert await hears(guarded, connection, "goes-on")
    async with await join(guarded, header=token("watch command")) as connection:
        result = await run_command(connection, action="pause_download", download_id="nobody")
        assert result["reason"] == "unknown_download"


async def test_only_channels_that_match_can_be_subscribed_to(guarded: FrontEnd) -> None:
    async with await join(guarded, header=token(channels=["downloads", "team-*"])) as connection:
        found = await run_command(connection, action="subscribe", channel="secret")
        assert (found["status"], found["reason"]) == ("rejected", "not_allowed")
        assert "channel secret" in str(found["message"])
        assert (await run_command(connection, action="subscribe", channel="team-7"))["status"] == "accepted"
        assert await hears(guarded, connection, "in-the-team", "team-7")


async def test_a_connection_ends_with_its_token(guarded: FrontEnd) -> None:
    async with await join(guarded, offered=["simulcast.v1", f"bearer.{token(exp=int(time.time()) + 3)}"]) as connection:
        assert await hears(guarded, connection, "while-it-holds")
        async with asyncio.timeout(20):
            await connection.wait_closed()
    assert (connection.close_code, connection.close_reason) == (4419, "the token has expired")
