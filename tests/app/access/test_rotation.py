"""Keys of an issuer that change while clients are connected and come: a good token is never refused."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import jwt
import pytest
from websockets.asyncio.client import ClientConnection

from tests.app.access.connections import connect
from tests.conditions import eventually
from tests.http_requests import request
from tests.key_server import KeyServer, jwk, key_server
from tests.programs import one_front_end
from tests.service import FrontEnd, collect
from tests.signed_tokens import claims, private_key

KEYS = {"old": private_key("ES256"), "new": private_key("EdDSA"), "forged": private_key("ES256")}
CLIENTS = 30


@pytest.fixture
def issuer() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


@pytest.fixture
def rotating(issuer: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    folder = tmp_path_factory.mktemp("rotating")
    with one_front_end(folder, SIMULCAST_TOKEN_JWKS_URL=issuer.url) as program:
        yield program


def signed(name: str, signer: str = "") -> str:
    key = KEYS[signer or name]
    algorithm = "EdDSA" if "ed25519" in type(key).__module__ else "ES256"
    return jwt.encode(claims("watch publish"), key, algorithm, {"kid": name})


@asynccontextmanager
async def crowd(front_end: FrontEnd, text: str) -> AsyncIterator[list[ClientConnection]]:
    connections = await asyncio.gather(*(connect(front_end, text) for _ in range(CLIENTS)))
    try:
        yield connections
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))


async def status_of(front_end: FrontEnd, text: str) -> int:
    return (await request(front_end, "GET", "/downloads", text)).status


@pytest.mark.long
async def test_keys_change_and_no_client_with_a_good_token_is_cut(issuer: KeyServer, rotating: FrontEnd) -> None:
    async def is_accepted(name: str) -> bool:
        """A key that is not known yet is no reason for 401."""
        status = await status_of(rotating, signed(name))
        assert status in (200, 503)
        return status == 200

    async def is_refused(name: str) -> bool:
        return await status_of(rotating, signed(name)) == 401

    issuer.publish(jwk(KEYS["old"], "old"))
    await eventually(lambda: is_accepted("old"), "the first key")
    async with crowd(rotating, signed("old")) as before:
        issuer.publish(jwk(KEYS["old"], "old"), jwk(KEYS["new"], "new"))
        await eventually(lambda: is_accepted("new"), "the second key")
        async with crowd(rotating, signed("new")) as after, crowd(rotating, signed("old")) as late:
            issuer.publish(jwk(KEYS["new"], "new"))
            # The set is read again, as it is every five minutes; a token that comes within five seconds gets 503.
            await eventually(lambda: is_refused("forged"), "the refusal of a key that the set does not have")
            await eventually(lambda: is_refused("old"), "the end of the first key")
            issuer.status = 500
            assert await status_of(rotating, signed("new", "forged")) == 401
            note = {"type": "note"}
            asked = await request(rotating, "POST", "/channels/downloads/publish", signed("new"), note)
            assert asked.status == 200
            for connection in [*before, *after, *late]:
                assert len(await collect(connection, '"note"')) == 1
    assert issuer.requests < 20
