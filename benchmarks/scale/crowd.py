"""Front-ends, their clients, and who publishes to them: processes that a run starts and ends."""

import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import build
from benchmarks.ports import is_ready
from benchmarks.processes import CLIENT_CORE, SERVER_CORE, Answer, Program, wait_for
from benchmarks.scale.shards import OURS, Shard
from benchmarks.servers import Place
from tests.ports import free_port

START_S = 60.0
QUIET_S = 15.0  # when nothing arrives for so long, the rest is lost
SETTLE_S = 1.0


class FrontEnd:
    """One, on the core that all front-ends share. It may be started again at its port."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        folder.mkdir()
        self._place = Place(free_port(), redis_url, folder)
        self.start()

    @property
    def port(self) -> int:
        return self._place.port

    def stop(self) -> None:
        self.program.stop()

    def start(self) -> None:
        """Returns once it is ready. Raises TimeoutError, RuntimeError."""
        start = OURS.start(self._place)
        log = self._place.folder / "front-end.log"
        self.program = Program(start.command, SERVER_CORE, log, cwd=start.cwd, environment=start.environment)
        wait_for("a front-end serves", START_S, self._is_ready)

    def _is_ready(self) -> bool:
        if self.program.ended:
            raise RuntimeError(f"a front-end ended at its start: {self.program.last_words()}")
        return is_ready(self.port)


class Crowd:
    """Clients of one channel at one front-end. Every event is checked: each once, in order."""

    def __init__(self, port: int, channel: str, count: int, log: Path) -> None:
        words = (port, OURS.dialect, f"{OURS.path}?channel={channel}", count, 1, 0, 64)
        self._program = Program([str(build.native("clients")), *map(str, words)], CLIENT_CORE, log, talks=True)
        self.count = count

    def connect(self) -> Answer:
        """All clients. Raises ConnectionError if some were refused."""
        self._program.say("connect")
        return self._connected(self._program.answer())

    def expect(self, events: int, seconds: float) -> None:
        """So many events to each, from now on."""
        self._program.say(f"expect {events} {seconds} {QUIET_S}")

    def told(self) -> Answer:
        """What came. Raises RuntimeError unless it was each event once."""
        return _whole(self._program.answer())

    def drop(self) -> None:
        """Cuts all clients at once."""
        self._program.say("drop")
        self._program.answer()

    def come_back(self, missed: int) -> None:
        """With their last ids, to be told so many events."""
        self.expect(missed, 120)
        self._program.say("connect")

    def is_back(self) -> Answer:
        """What they were told, once they know all that they missed. Raises as `connect` and `told`."""
        answers = [self._program.answer(), self._program.answer()]
        self._connected(next(answer for answer in answers if "joined" in answer))
        return _whole(next(answer for answer in answers if "expected" in answer))

    def stop(self) -> None:
        self._program.stop()

    def _connected(self, answer: Answer) -> Answer:
        if answer["refused"]:
            raise ConnectionError(f"{answer['refused']:.0f} clients were refused: {self._program.last_words()}")
        return answer


def _whole(answer: Answer) -> Answer:
    missing = answer["expected"] - answer["deliveries"]
    if answer["lost"] or answer["gaps"] or answer["repeats"] or missing:
        raise RuntimeError(
            f"{missing:,.0f} of {answer['expected']:,.0f} deliveries missing, {answer['gaps']:,.0f} skipped, "
            f"{answer['repeats']:,.0f} repeated, {answer['lost']:.0f} clients cut"
        )
    return answer


class Publisher:
    """Numbers what it publishes to a channel of a shard."""

    def __init__(self, shard: Shard, channel: str, folder: Path) -> None:
        self._shard = shard
        self._published = 0
        assert OURS.template is not None
        self._template = folder / f"template-{channel}"
        self._template.write_bytes(OURS.template(channel, shard.port))

    def start(self, events: int, rate: float) -> subprocess.Popen[bytes]:
        """Publishes so many, `rate` a second."""
        words = (self._shard.port, self._template, "resp", self._published, events, rate, 1)
        self._published += events
        return subprocess.Popen(
            ["taskset", "-c", CLIENT_CORE, str(build.native("publish")), *map(str, words)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )


def publish(publishers: Iterable[Publisher], events: int, rate: float) -> None:
    """To each channel, all at a time; returns when all is acknowledged. Raises RuntimeError."""
    for process in [each.start(events, rate) for each in publishers]:
        _, said = process.communicate(timeout=events / rate + 60)
        if process.returncode:
            raise RuntimeError(f"could not publish: {said.decode(errors='replace').strip()[-300:]}")


def heard(crowds: Sequence[Crowd], publishers: Sequence[Publisher], events: int, rate: float) -> list[Answer]:
    """One round: so many events to each channel, and what each crowd was told."""
    for crowd in crowds:
        crowd.expect(events, events / rate + 60)
    time.sleep(0.1)
    publish(publishers, events, rate)
    return [crowd.told() for crowd in crowds]
