"""Commands and their answers, from a server that answers as the test says."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simulcast.gateway import CommandRejected, CommandResult, CommandTimeout, Gateway
from simulcast.gateway.commands import Commands, as_json
from tests.conditions import until
from tests.events import command_result
from tests.gateway_server import FakeServer, Received


def result_text(command: dict[str, Any], **members: str) -> str:
    return json.dumps(command_result(command, **members), separators=(",", ":"))


def asked(fake_server: FakeServer) -> list[dict[str, Any]]:
    """The commands that the server got."""
    return [json.loads(text) for text in fake_server.received]


async def until_asked(fake_server: FakeServer, count: int = 1) -> dict[str, Any]:
    await until(lambda: len(fake_server.received) == count)
    return asked(fake_server)[-1]


async def test_an_accepted_command_has_a_result(fake_server: FakeServer) -> None:
    async with fake_server.gateway() as gateway:
        pausing = asyncio.create_task(gateway.pause("12345"))
        command = await until_asked(fake_server)
        assert (command["action"], command["download_id"]) == ("pause_download", "12345")
        await fake_server.say(result_text(command, status="accepted"))
        assert await pausing == CommandResult("pause_download", "12345", command["command_id"])


async def test_a_rejected_command_raises_the_reason(fake_server: FakeServer) -> None:
    async with fake_server.gateway() as gateway:
        retrying = asyncio.create_task(gateway.retry("1"))
        command = await until_asked(fake_server)
        await fake_server.say(result_text(command, status="rejected", reason="invalid_transition", message="it runs"))
        with pytest.raises(CommandRejected, match=r"^it runs$") as raised:
            await retrying
        assert raised.value.reason == "invalid_transition"
        assert (raised.value.action, raised.value.download_id) == ("retry_download", "1")


CALLS: dict[str, Callable[[Gateway], Awaitable[object]]] = {
    "pause_download": lambda one: one.pause("1", channel="a"),
    "resume_download": lambda one: one.resume("1", channel="a"),
    "cancel_download": lambda one: one.cancel("1", channel="a"),
    "retry_download": lambda one: one.retry("1", channel="a"),
    "limit_download": lambda one: one.limit("1", 5, channel="a"),
    "relink_download": lambda one: one.relink("1", "http://example.com/", channel="a"),
    "move_download": lambda one: one.move("1", "first", channel="a"),
    "prioritize_download": lambda one: one.prioritize("1", 2, channel="a"),
    "schedule_download": lambda one: one.schedule("1", None, channel="a"),
    "rename_download": lambda one: one.rename("1", "b.iso", channel="a"),
    "delete_download": lambda one: one.delete("1", channel="a"),
    "clear_finished": lambda one: one.clear_finished(channel="a"),
    "cancel_job": lambda one: one.cancel_job("1", "a"),
    "remove_job": lambda one: one.remove_job("1", "a"),
    "add_download": lambda one: one.add("http://example.com/", channel="a"),
    "get_download": lambda one: one.get("1", channel="a"),
    "list_downloads": lambda one: one.list(channel="a"),
}


@pytest.mark.parametrize("action", CALLS)
async def test_each_call_names_the_channel_that_it_is_given(fake_server: FakeServer, action: str) -> None:
    async with fake_server.gateway() as gateway:
        calling = asyncio.ensure_future(CALLS[action](gateway))
        command = await until_asked(fake_server)
        assert (command["action"], command["channel"]) == (action, "a")
        await fake_server.say(result_text(command, status="rejected", reason="not_allowed", message="no"))
        with pytest.raises(CommandRejected):
            await calling


async def test_answers_find_who_asked_in_any_order(fake_server: FakeServer) -> None:
    async with fake_server.gateway() as gateway:
        first, second = (asyncio.create_task(gateway.cancel(one)) for one in "12")
        await until_asked(fake_server, 2)
        for command in reversed(asked(fake_server)):
            await fake_server.say(result_text(command, status="accepted"))
        assert [(await task).download_id for task in (first, second)] == ["1", "2"]


async def test_the_callback_gets_answers_and_the_iteration_only_those_that_nobody_awaits(
    fake_server: FakeServer,
) -> None:
    gateway = fake_server.gateway()
    received = Received().by(gateway)
    async with gateway:
        gateway.on_websocket_message = None
        deleting = asyncio.create_task(gateway.delete("1", file=True))
        command = await until_asked(fake_server)
        assert command["file"] is True
        gateway.on_websocket_message = received.messages.append
        foreign = result_text(command | {"command_id": "another's"}, status="accepted")
        own = result_text(command, status="accepted")
        events = gateway.__aiter__()
        reading = asyncio.create_task(anext(events))
        await until(lambda: gateway._receive_buffer.has_reader)
        for text in ('{"type":"command_result", broken', own, foreign):
            await fake_server.say(text)
        assert (await reading).raw["command_id"] == "another's"
        assert (await deleting).action == "delete_download"
        assert received.messages == ['{"type":"command_result", broken', own, foreign]
        await events.aclose()


async def test_a_command_outlives_a_loss_and_keeps_its_id(fake_server: FakeServer) -> None:
    async with fake_server.gateway() as gateway:
        resuming = asyncio.create_task(gateway.resume("1"))
        await until_asked(fake_server)
        fake_server.cut()
        command = await until_asked(fake_server, 2)
        assert asked(fake_server)[0] == command
        await fake_server.say(result_text(command, status="accepted"))
        assert (await resuming).command_id == command["command_id"]
        fake_server.cut()
        await until(lambda: len(fake_server.asked) == 3 and gateway.is_websocket_connected)
        gateway.send_websocket_message("{}")
        await until_asked(fake_server, 3)  # what was answered is not sent again


async def test_a_command_waits_for_a_server_that_is_away(absent: FakeServer) -> None:
    async with absent.gateway() as gateway:
        clearing = asyncio.create_task(gateway.clear_finished())
        await asyncio.sleep(0)
        await absent.go_up()
        command = await until_asked(absent)
        assert "download_id" not in command
        await absent.say(result_text(command | {"download_id": ""}, status="accepted"))
        assert await clearing == CommandResult("clear_finished", "", command["command_id"])


async def test_without_an_answer_it_ends_at_its_deadline(fake_server: FakeServer) -> None:
    async with fake_server.gateway() as gateway:
        with pytest.raises(CommandTimeout, match=r"pause_download 1: no answer within 0\.01 s"):
            await gateway.pause("1", deadline_s=0.01)
        command = await until_asked(fake_server)
        assert gateway._commands.texts == []
        await fake_server.say(result_text(command, status="accepted"))  # too late, and harmless
        await fake_server.say("end")
        await until(lambda: gateway.is_websocket_connected)


async def test_a_second_answer_harms_nothing() -> None:
    commands, sent = Commands(), list[str]()

    def send(text: str) -> bool:
        sent.append(text)
        return True

    request = commands.request(send, "pause_download", {"download_id": "1"}, 20.0, {})
    asking = asyncio.create_task(request)
    await asyncio.sleep(0)
    text = result_text(json.loads(sent[0]), status="accepted")
    assert commands.take_result(text)
    assert commands.take_result(text)
    assert (await asking)["action"] == "pause_download"
    assert not commands.take_result(text)


async def test_a_disconnect_ends_it(fake_server: FakeServer) -> None:
    async with fake_server.gateway() as gateway:
        pausing = asyncio.create_task(gateway.pause("1"))
        await until_asked(fake_server)
    with pytest.raises(CommandTimeout, match="disconnected"):
        await pausing


async def test_whoever_never_connected_is_told_so() -> None:
    with pytest.raises(ConnectionError, match="connect_websocket"):
        await Gateway().pause("1")


@pytest.mark.parametrize("download_id", ["", "x" * 201])
async def test_an_id_that_can_not_be_is_an_error(download_id: str) -> None:
    with pytest.raises(ValueError, match="1 to 200"):
        await Gateway().pause(download_id)


async def test_a_callback_is_told_that_it_can_not_wait_for_an_answer(fake_server: FakeServer) -> None:
    fake_server.snapshot = ["text"]
    gateway = fake_server.gateway()
    raised: list[Exception] = []

    async def on_message(text: str) -> None:
        try:
            await gateway.pause("1")
        except RuntimeError as error:
            raised.append(error)

    gateway.on_websocket_message = on_message
    async with gateway:
        await until(lambda: raised)
    assert "callback" in str(raised[0])


def test_half_of_a_surrogate_pair_is_refused_before_it_is_sent() -> None:
    for members in ({"download_id": "\ud800"}, {"event": {"a": ["\udfff"]}}):
        with pytest.raises(ValueError, match="surrogates not allowed"):
            as_json(members)
    assert json.loads(as_json({"name": "\U0001f600"})) == {"name": "\U0001f600"}
