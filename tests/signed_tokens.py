"""Tokens as an issuer, or a forger, would sign them."""

import functools
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SECRET = "a secret of ours, as long as HS512 wants it, so that only its name is wrong"


def claims(scope: str = "watch", **others: object) -> dict[str, object]:
    """Return claims that stay valid for longer than all tests take: some tokens are made during collection."""
    return {"aud": "simulcast", "exp": int(time.time()) + 24 * 3600, "scope": scope} | others


def token(scope: str = "watch", **others: object) -> str:
    return jwt.encode(claims(scope, **others), SECRET, "HS256")


@functools.cache
def rsa_key() -> tuple[str, str]:
    """Return the private and the public key, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
