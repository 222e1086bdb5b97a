"""Receivers verify by the package of the Standard Webhooks specification, which knows nothing of this service."""

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.webhook_receiver import SECRET
from workers.webhooks.signature import sign

OTHER = "whsec_" + base64.b64encode(b"another secret of 32 bytes, here").decode()
BODY = '{"event_id":"1-1","name":"größer 😀"}'.encode()


def key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


def signed(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    sent_at_s = int(time.time())
    signature = sign([key(secret) for secret in secrets], "msg_1", sent_at_s, body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(sent_at_s), "webhook-signature": signature}


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_receivers_of_the_old_and_of_the_new_secret_verify_while_both_are_set(secret: str) -> None:
    assert Webhook(secret).verify(BODY, signed(SECRET, OTHER))


def test_another_secret_another_body_another_id_and_another_time_are_refused() -> None:
    headers = signed(SECRET)
    later = str(int(headers["webhook-timestamp"]) + 1)
    forged = [
        (BODY, signed(OTHER)),
        (BODY + b" ", headers),
        (BODY, {**headers, "webhook-id": "msg_2"}),
        (BODY, {**headers, "webhook-timestamp": later}),
    ]
    for body, sent in forged:
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body, sent)
