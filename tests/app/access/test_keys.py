"""Which keys verify, and when they are read again."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Sequence
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from app.access import keys
from app.access.keys import MIN_READ_INTERVAL_S, KeyRing, KeysUnavailable
from app.access.tokens import TokenRefused
from simulcast import jwks
from simulcast.jwks import MAX_JWKS_BYTES, fetch_jwks
from simulcast.settings.access import AccessSettings
from simulcast.settings.token_keys import MAX_KEYS, VerificationKey, jwk_keys, pem_keys
from tests.certificates import server_context, write_certificate
from tests.conditions import eventually, until
from tests.key_server import jwk, key_server
from tests.signed_tokens import SECRET, claims, grant_of, in_pem, private_key, signed_by_hand

ALGORITHMS = ("RS256", "ES256", "EdDSA")
KEYS = {algorithm: private_key(algorithm) for algorithm in ALGORITHMS}


def key_set(*keys: dict[str, object]) -> Sequence[VerificationKey]:
    return jwk_keys(json.dumps({"keys": keys}).encode())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_kind_of_key_verifies_its_algorithm_among_several(algorithm: str) -> None:
    text = jwt.encode(claims("command"), KEYS[algorithm], algorithm)
    in_a_file = pem_keys("\n".join(in_pem(key)[1] for key in [private_key(algorithm), *KEYS.values()]))
    in_a_set = key_set(*(jwk(key, name) for name, key in KEYS.items()))
    for known in (in_a_file, in_a_set):
        assert grant_of(text, known).scopes == {"command"}
        with pytest.raises(TokenRefused, match=r"no key here|Signature verification failed"):
            grant_of(text, [key for key in known if key.algorithm != algorithm])
        with pytest.raises(TokenRefused):
            grant_of(jwt.encode(claims(), private_key(algorithm), algorithm), known)


@pytest.mark.parametrize("header", ["none", "None", "HS256", "HS512", "RS512", "PS256", "ES384"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_algorithm_is_that_of_the_key(algorithm: str, header: str) -> None:
    """RFC 8725 §2.1: whoever knows a public key could sign with it by HS256, and anyone with nothing by none."""
    public = in_pem(KEYS[algorithm])[1]
    for secret in ("", public, public.strip(), SECRET):
        with pytest.raises(TokenRefused):
            grant_of(signed_by_hand({"alg": header, "kid": "a"}, claims(), secret), pem_keys(public))
        with pytest.raises(TokenRefused):
            grant_of(signed_by_hand({"alg": header, "kid": "a"}, claims(), secret), key_set(jwk(KEYS[algorithm], "a")))


def test_keys_of_a_set_that_can_verify_nothing_are_left_out() -> None:
    good = jwk(KEYS["ES256"], "good", use="sig", alg="ES256")
    assert [key.key_id for key in key_set(good)] == ["good"]
    unfit: tuple[dict[str, object], ...] = (
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
        jwk(KEYS["RS256"], use="enc"),
        jwk(KEYS["RS256"], alg="RS512"),
        jwk(KEYS["RS256"], alg="HS256"),
        jwk(KEYS["EdDSA"], d="c2VjcmV0"),
        jwk(KEYS["EdDSA"], crv="Ed448"),
        jwk(ec.generate_private_key(ec.SECP384R1())),
        jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024)),  # noqa: S505
        jwk(KEYS["ES256"]) | {"kid": 7},
        {},
    )
    for bad in unfit:
        assert [key.key_id for key in key_set(bad, good)] == ["good"], bad
    assert key_set(jwk(KEYS["EdDSA"], alg="Ed25519"))


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b"{}", b'{"keys":{}}', b"[" * 5000, b"\xff"])
def test_what_is_no_key_set_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="it is no"):
        jwk_keys(text)
    with pytest.raises(ValueError, match="it is no"):
        key_set(*[jwk(KEYS["EdDSA"])] * (MAX_KEYS + 1))


class Issuer:
    """A key set that is read, and a clock."""

    def __init__(self, *names: str) -> None:
        self.names, self.reads, self.now = list(names), 0, 1000.0
        self.is_away = False
        self.answering = asyncio.Event()
        self.answering.set()
        self.error: Exception = ValueError("away")
        self.ring = KeyRing(None, self.read, clock=lambda: self.now)

    async def read(self) -> Sequence[VerificationKey]:
        self.reads += 1
        await self.answering.wait()
        if self.is_away:
            raise self.error
        return [VerificationKey("EdDSA", name, name) for name in self.names]

    async def find(self, key_id: str) -> list[str]:
        return [key.key_id for key in await self.ring.find("EdDSA", key_id)]


async def test_a_key_that_is_not_known_is_looked_up_and_then_known() -> None:
    issuer = Issuer("a")
    assert await issuer.find("a") == ["a"] and issuer.reads == 1
    issuer.names.append("b")
    issuer.now += MIN_READ_INTERVAL_S
    assert await issuer.find("b") == ["b"] and await issuer.find("a") == ["a"]
    assert await issuer.find("") == ["a", "b"]
    assert issuer.reads == 2


async def test_however_many_tokens_name_unknown_keys_the_set_is_read_rarely() -> None:
    issuer = Issuer("a")
    await issuer.find("a")
    for number in range(100):
        issuer.now += MIN_READ_INTERVAL_S / 50
        with contextlib.suppress(KeysUnavailable):
            assert await issuer.find(f"unknown-{number}") == []
    assert issuer.reads == 3
    assert await issuer.find("a") == ["a"]


async def test_a_crowd_with_a_new_key_waits_for_one_read() -> None:
    issuer = Issuer("a")
    issuer.answering.clear()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(issuer.find("a")) for _ in range(100)]
        await asyncio.sleep(0)
        issuer.answering.set()
    assert all(task.result() == ["a"] for task in tasks)
    assert issuer.reads == 1


async def test_while_the_set_is_away_the_last_keys_stay_and_others_are_neither_believed_nor_refused() -> None:
    issuer = Issuer("a")
    await issuer.find("a")
    issuer.now += MIN_READ_INTERVAL_S
    issuer.is_away = True
    results = await asyncio.gather(*(issuer.find("b") for _ in range(100)), return_exceptions=True)
    assert all(isinstance(result, KeysUnavailable) for result in results)
    assert await issuer.find("a") == ["a"]
    assert issuer.reads == 2
    never_read = Issuer("a")
    never_read.is_away = True
    for key_id in ("a", ""):
        with pytest.raises(KeysUnavailable):
            await never_read.find(key_id)


async def test_an_unexpected_error_ends_neither_the_reading_nor_the_known_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "RETRY_INTERVAL_S", 0.01)
    issuer = Issuer("a")
    await issuer.find("a")
    issuer.is_away, issuer.error = True, RuntimeError("can't start new thread")
    issuer.now += MIN_READ_INTERVAL_S
    with pytest.raises(KeysUnavailable):
        await issuer.find("b")
    assert await issuer.find("a") == ["a"]
    async with issuer.ring.kept_fresh():
        issuer.now += MIN_READ_INTERVAL_S
        await until(lambda: issuer.reads == 3, "another reading")
        issuer.is_away = False
        issuer.names.append("b")
        issuer.now += MIN_READ_INTERVAL_S
        await until(lambda: issuer.reads == 4, "one more reading")
        assert await issuer.find("b") == ["b"]


async def test_a_key_that_was_taken_out_of_the_set_is_believed_no_more() -> None:
    issuer = Issuer("a", "b")
    await issuer.find("a")
    issuer.names.remove("a")
    issuer.now += MIN_READ_INTERVAL_S
    assert await issuer.find("c") == []
    assert await issuer.find("a") == [] and await issuer.find("b") == ["b"]


@pytest.mark.parametrize("body", [b'{"keys":[]}', b'{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'])
async def test_a_set_that_lost_all_its_keys_replaces_none_that_are_known(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """As PyJWT has it: an issuer that fails must not lock everybody out."""
    answer, now = json.dumps({"keys": [jwk(KEYS["EdDSA"], "a")]}).encode(), 1000.0

    async def read() -> Sequence[VerificationKey]:
        return jwk_keys(answer)

    ring = KeyRing(None, read, clock=lambda: now)
    assert [key.key_id for key in await ring.find("EdDSA", "a")] == ["a"]
    answer, now = body, now + MIN_READ_INTERVAL_S
    with pytest.raises(KeysUnavailable):
        await ring.find("EdDSA", "b")
    assert [key.key_id for key in await ring.find("EdDSA", "a")] == ["a"]
    assert "it has no key for RS256, ES256 or EdDSA" in caplog.text


async def test_a_file_of_keys_is_read_again_and_its_last_good_keys_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keys, "FILE_INTERVAL_S", 0.01)
    monkeypatch.setattr(keys, "MIN_READ_INTERVAL_S", 0.0)
    old, new = (in_pem(KEYS[algorithm])[1] for algorithm in ("ES256", "EdDSA"))
    file = tmp_path / "keys.pem"
    file.write_text(old)
    ring = KeyRing.from_settings(AccessSettings(token_public_key_file=str(file)))
    assert ring is not None

    async def verified() -> list[str]:
        return [algorithm for algorithm in ALGORITHMS if await ring.find(algorithm, "any")]

    async def has(algorithms: list[str]) -> bool:
        return await verified() == algorithms

    async with ring.kept_fresh():
        assert await verified() == ["ES256"]
        file.write_text(old + new)
        await eventually(lambda: has(["ES256", "EdDSA"]), "the second key")
        file.write_text("no key")
        await until(lambda: "it has 0 keys in PEM" in caplog.text, "a read of that")
        assert await verified() == ["ES256", "EdDSA"]
        file.write_text(new)
        await eventually(lambda: has(["EdDSA"]), "the end of the first key")


def test_a_key_set_is_fetched_within_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    with key_server() as server:
        server.publish(jwk(KEYS["ES256"], "a"))
        assert [key.key_id for key in jwk_keys(fetch_jwks(server.url))] == ["a"]
        server.body = b" " * (MAX_JWKS_BYTES + 1)
        with pytest.raises(ValueError, match="more than 256 KiB"):
            fetch_jwks(server.url)
        server.body, server.status, server.headers = b"", 302, {"location": server.url}
        with pytest.raises(ValueError, match="answers with status 302"):
            fetch_jwks(server.url)
    with pytest.raises(ValueError, match="does not answer"):
        fetch_jwks(server.url)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(jwks, "FETCH_TIMEOUT_S", 0.05)
        with pytest.raises(ValueError, match="does not answer"):
            fetch_jwks(f"http://127.0.0.1:{silent.getsockname()[1]}/")
    with pytest.raises(ValueError, match="does not answer"):
        fetch_jwks(f"file://{__file__}")


def test_a_key_set_is_believed_from_its_host_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    with key_server(server_context(tmp_path)) as server:
        server.publish(jwk(KEYS["ES256"], "a"))
        assert [key.key_id for key in jwk_keys(fetch_jwks(server.url))] == ["a"]
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(ValueError, match=r"does not answer .*certificate"):
            fetch_jwks(server.url)
    write_certificate(tmp_path, "another.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    with key_server(server_context(tmp_path)) as server, pytest.raises(ValueError, match="does not answer"):
        fetch_jwks(server.url)
