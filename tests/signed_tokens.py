"""Tokens as an issuer, or a forger, would sign them."""

import asyncio
import base64
import functools
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from app.access.keys import KeyRing
from app.access.revocations import Revocations
from app.access.tokens import TokenVerifier
from simulcast.frontend.grant import Grant
from simulcast.settings.token_keys import VerificationKey, secret_key

SECRET = "a secret of ours, as long as HS512 wants it, so that only its name is wrong"


def claims(scope: str = "watch", **others: object) -> dict[str, object]:
    """Return claims that stay valid for longer than all tests take: some tokens are made during collection."""
    return {"aud": "simulcast", "exp": int(time.time()) + 24 * 3600, "scope": scope} | others


def token(scope: str = "watch", **others: object) -> str:
    return jwt.encode(claims(scope, **others), SECRET, "HS256")


def grant_of(text: str, keys: Sequence[VerificationKey] = ()) -> Grant:
    """Return the grant of a token. `keys`: that of SECRET unless others are given. Raises TokenRefused."""
    return asyncio.run(TokenVerifier(KeyRing(keys or [secret_key(SECRET)]), Revocations()).grant(text))


def signed_by_hand(header: dict[str, object], payload: dict[str, object] | str, secret: str = "") -> str:
    """For what no library signs; without a secret the signature is empty."""
    parts = [header, payload]
    texts = [part if isinstance(part, str) else json.dumps(part) for part in parts]
    body = ".".join(base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode() for text in texts)
    signature = hmac.digest(secret.encode(), body.encode(), hashlib.sha256) if secret else b""
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@functools.cache
def rsa_key() -> tuple[str, str]:
    """Return the private and the public key, in PEM."""
    return in_pem(private_key("RS256"))


def private_key(algorithm: str) -> Any:
    """Return a new private key of the algorithm."""
    match algorithm:
        case "RS256":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def in_pem(key: Any) -> tuple[str, str]:
    """Return a private key and its public one, in PEM."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
