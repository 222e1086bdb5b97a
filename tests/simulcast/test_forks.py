"""Calls of threads, loops and forked children, drawn at random: each ends, with a documented error at worst."""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from simulcast import background, notify, sync
from simulcast.errors import SimulcastError
from simulcast.gateway.sync import Gateway
from tests.forks import CHILD_TIMEOUT_S, in_child
from tests.valkey import Valkey

STEPS = 6
Step = Callable[[], object]


@pytest.fixture(autouse=True)
def _own(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Publishers and keepers of this test alone."""
    monkeypatch.setenv("REDIS_URL", valkey.url)
    monkeypatch.setattr(background, "_shared", {})
    monkeypatch.setattr(notify, "_brokers", {})
    yield
    for each in list(background._shared.values()):
        each.close()


class Draw:
    """Steps of a program, drawn at random; `held` is made in one step and used in others, also beyond a fork."""

    def __init__(self, seed: int, channel: str) -> None:
        self._random = random.Random(seed)
        self._channel = channel
        self._held: list[Gateway] = []
        self._jobs = 0

    def publish(self) -> None:
        assert sync.broadcast_message({"type": "n"}, self._channel) is not None

    def publish_in_a_loop(self) -> None:
        assert asyncio.run(notify.broadcast_message({"type": "n"}, self._channel)) is not None

    def run_a_job(self) -> None:
        self._jobs += 1
        name = f"{self._channel}-{self._random.random()}-{self._jobs}"
        with sync.job(name, channel=self._channel) as job:
            job.progress(0.5)
        assert job.outcome == "complete"

    def hold_a_gateway(self) -> None:
        self._held.append(Gateway(port=9, reconnect_delay_s=60))

    def use_what_is_held(self) -> None:
        for gateway in self._held:
            with suppress(RuntimeError):  # it was made before a fork
                gateway.send_websocket_message("x")

    def leave(self) -> None:
        for gateway in self._held:
            gateway.close()
        self._held.clear()

    def step(self, depth: int = 0) -> Step:
        """Return the next step: here, in a thread, in a child, or in a child while a thread does another one."""
        plain = (self.publish, self.publish_in_a_loop, self.run_a_job, self.hold_a_gateway, self.use_what_is_held)
        act = self._random.choice((*plain, self.leave))
        way = self._random.choice(("here", "thread", "child", "meanwhile") if depth < 2 else ("here",))
        if way == "here":
            return act
        inner = self.step(depth + 1)
        if way == "thread":
            return lambda: in_thread(act)
        if way == "child":
            return lambda: forked(inner)

        def meanwhile() -> None:
            thread = threading.Thread(target=act)
            thread.start()
            forked(inner)
            thread.join(CHILD_TIMEOUT_S)
            assert not thread.is_alive()

        return meanwhile


def in_thread(act: Step) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join(CHILD_TIMEOUT_S)
    assert not thread.is_alive()


def forked(act: Step) -> None:
    def work() -> None:
        with suppress(SimulcastError):
            act()

    assert in_child(work) == 0


@pytest.mark.parametrize("seed", range(6))
def test_each_call_ends_wherever_the_program_forks(seed: int, channel: str) -> None:
    draw = Draw(seed, channel)
    try:
        for _ in range(STEPS):
            draw.step()()
    finally:
        draw.leave()
