"""Answers to requests with an idempotency key, in Redis: any front-end gives them again.

Kept for ANSWER_TTL_S, together at most 16 MiB or a thirty-second of `maxmemory`; beyond, the oldest are forgotten.
"""

from typing import cast

from simulcast.broker import Broker
from simulcast.errors import SimulcastError
from simulcast.store import functions
from simulcast.store.sender import PUBLISH_TIMEOUT_S

ANSWER_TTL_S = 3600


class RequestChanged(SimulcastError):
    """The idempotency key was used with another body."""


class AnswerStore:
    """The answers of one service. The broker's sender keeps the order of calls."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def begin(self, request: str, digest: str) -> str:
        """Return the answer to the same request before, or "" for one that has none yet.

        `request`: names it, `digest` its body, both in hexadecimal digits. Raises RequestChanged, BrokerUnavailable.
        """
        return await self._answer_once(request, digest, "")

    async def finish(self, request: str, digest: str, answer: str) -> str:
        """Store the answer, and return it, or that of a repetition which was faster. Raises as `begin`."""
        return await self._answer_once(request, digest, answer)

    async def _answer_once(self, request: str, digest: str, answer: str) -> str:
        keys = self._broker.names().answer_keys
        call = functions.fcall("answer_once", keys, [request, digest, answer, ANSWER_TTL_S * 1000])
        action = "store the answer to a request"
        reply = await self._broker.sender().execute(action, call, timeout_s=PUBLISH_TIMEOUT_S, retain=True)
        first_digest, first_answer = (text.decode() for text in cast(list[bytes], reply))
        if first_digest != digest:
            raise RequestChanged(
                "this Idempotency-Key came with another body before: use a new key for a new request, "
                "or repeat the first body to the letter"
            )
        return first_answer
