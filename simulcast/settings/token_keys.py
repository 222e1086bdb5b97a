"""Keys that verify clients' tokens: a secret, public keys in PEM, or a JSON Web Key Set (RFC 7517)."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

MIN_SECRET_BYTES = 32  # RFC 7518 §3.2
MIN_RSA_BITS = 2048  # RFC 7518 §3.3
MAX_KEYS = 50
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_USABLE = f"an RSA key of at least {MIN_RSA_BITS} bits, an EC key of P-256, or an Ed25519 key"
# The names that a JWK's member `alg` may have for a key of that algorithm: RFC 9864 gave EdDSA with Ed25519 another.
_ALGORITHMS = {"RS256": {"RS256"}, "ES256": {"ES256"}, "EdDSA": {"EdDSA", "Ed25519"}}


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key, and the one algorithm that it verifies, by its type (RFC 8725 §3.1). `key_id`: "" for one without."""

    algorithm: str
    key: Any = field(repr=False)
    key_id: str = ""


def secret_key(secret: str) -> VerificationKey:
    """Return the key of HS256. Raises ValueError for a secret that is too short, or a public key."""
    import jwt  # only front-ends with tokens need it

    if (size := len(secret.encode())) < MIN_SECRET_BYTES:
        remedy = "make one with `openssl rand -hex 32`"
        raise ValueError(f"has {size} bytes, and needs at least {MIN_SECRET_BYTES}: {remedy}")
    try:
        return VerificationKey("HS256", jwt.get_algorithm_by_name("HS256").prepare_key(secret))
    except jwt.InvalidKeyError as error:
        raise ValueError(f"is no secret ({error}): use random text") from error


def pem_keys(pem: str) -> Sequence[VerificationKey]:
    """Return the public keys in the text, one or several. Raises ValueError for another text, or an unfit key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    blocks = [match[0] for match in _PEM.finditer(pem)]
    if not 1 <= len(blocks) <= MAX_KEYS:
        raise ValueError(f"it has {len(blocks)} keys in PEM, not 1 to {MAX_KEYS}")
    keys = []
    for block in blocks:
        try:
            key = load_pem_public_key(block.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ValueError("it holds something that is no public key") from error
        if not (algorithm := algorithm_of(key)):
            raise ValueError(f"it holds another key than {_USABLE}")
        keys.append(VerificationKey(algorithm, key))
    return keys


def jwk_keys(text: bytes) -> Sequence[VerificationKey]:
    """Return the usable keys of a JSON Web Key Set; of others, such as secrets, none.

    Raises ValueError also where none is left, as PyJWT does: an issuer that fails may show an empty set.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
    found = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(found, list) or len(found) > MAX_KEYS:
        raise ValueError(f'it is no {{"keys": [...]}} of at most {MAX_KEYS} keys')
    keys = [key for members in found if (key := _parse_jwk(members)) is not None]
    if not keys:
        raise ValueError("it has no key for RS256, ES256 or EdDSA")
    return keys


def _parse_jwk(members: object) -> VerificationKey | None:
    import jwt

    if not isinstance(members, dict) or members.get("use", "sig") != "sig":
        return None
    key_id = members.get("kid", "")
    try:
        algorithm = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}[members["kty"]]
        if not isinstance(key_id, str) or members.get("alg", algorithm) not in _ALGORITHMS[algorithm]:
            return None
        key = jwt.get_algorithm_by_name(algorithm).from_jwk(members)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        return None
    return VerificationKey(algorithm, key, key_id) if algorithm_of(key) == algorithm else None


def algorithm_of(key: object) -> str:
    """Return the algorithm of a public key that is fit to verify tokens, else ""."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    match key:
        case RSAPublicKey() if key.key_size >= MIN_RSA_BITS:
            return "RS256"
        case EllipticCurvePublicKey() if isinstance(key.curve, SECP256R1):
            return "ES256"
        case Ed25519PublicKey():
            return "EdDSA"
    return ""
