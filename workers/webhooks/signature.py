"""Signatures of the Standard Webhooks specification, by a secret that sender and receiver share. No I/O."""

import base64
import hmac
from collections.abc import Sequence


def sign(secrets: Sequence[bytes], message_id: str, sent_at_s: int, body: bytes) -> str:
    """Return the header `webhook-signature`: one signature for each secret, so that a receiver may change to a new one.

    `sent_at_s`: since 1970; receivers refuse a time that is minutes away from their own.
    """
    signed = f"{message_id}.{sent_at_s}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(secret, signed, 'sha256')).decode()}" for secret in secrets)
