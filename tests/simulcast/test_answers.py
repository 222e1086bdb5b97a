"""Answers to repeated requests, on every server and topology."""

import secrets

import pytest

from simulcast.answers import AnswerStore, RequestChanged
from simulcast.broker import Broker
from tests.conftest import Servers


async def test_the_first_answer_is_given_to_every_repetition_whoever_asks(servers: Servers, broker: Broker) -> None:
    request = secrets.token_hex(32)
    answers = AnswerStore(broker)
    assert await answers.begin(request, "aa") == ""
    assert await answers.begin(request, "aa") == ""  # the first is under way, or its front-end died
    assert await answers.finish(request, "aa", "first\nanswer ü") == "first\nanswer ü"
    assert await answers.finish(request, "aa", "second") == "first\nanswer ü"
    other = servers.broker()
    assert await AnswerStore(other).begin(request, "aa") == "first\nanswer ü"
    await other.aclose()


async def test_another_body_is_refused_before_and_after_the_answer(broker: Broker) -> None:
    request = secrets.token_hex(32)
    answers = AnswerStore(broker)
    await answers.begin(request, "aa")
    with pytest.raises(RequestChanged, match="another body before"):
        await answers.begin(request, "bb")
    await answers.finish(request, "aa", "first")
    with pytest.raises(RequestChanged):
        await answers.finish(request, "bb", "second")
    assert await answers.begin(request, "aa") == "first"
