"""Faults that are played meanwhile: of workers, of front-ends, and of the servers."""

import asyncio
import random
import signal
from dataclasses import dataclass, field

from tests.model.job_runner import LEASE_S as JOB_LEASE_S
from tests.model.model import Model
from tests.model.stage import CHANNEL, FRONT_ENDS, LEASE_S, RUNNERS, WORKERS, Stage
from tests.topologies import wait_for

REPLAYED_S = 5.0  # after a failover, until which processes live on: what they acknowledged is sent again


@dataclass
class Faults:
    """`lasting`: held where processes must live on, since what died with two of them would be lost as documented."""

    stage: Stage
    model: Model
    stopping: asyncio.Event
    lasting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def break_workers(self, rng: random.Random) -> None:
        """Kill and stall workers until it is time to stop."""
        while not self.stopping.is_set():
            await asyncio.sleep(rng.uniform(0.5, 3.0))
            place, is_killed, new_host = rng.randrange(WORKERS), rng.random() < 0.5, rng.random() < 0.5
            pause_s = rng.uniform(0.3, 1.6 * LEASE_S)
            async with self.lasting:
                self.model.lose_worker()
                if is_killed:
                    self.model.note(f"worker {place} is killed{', another host replaces it' * new_host}")
                    self.stage.workers[place].kill()
                    self.stage.start_worker(place, new_host)
                else:
                    self.model.note(f"worker {place} stands still for {pause_s:.1f} s")
                    self.stage.workers[place].signal(signal.SIGSTOP)
            if not is_killed:
                await asyncio.sleep(pause_s)
                self.stage.workers[place].signal(signal.SIGCONT)

    async def break_runners(self, rng: random.Random) -> None:
        """Kill and stall the programs that run jobs of any kind until it is time to stop."""
        while not self.stopping.is_set():
            await asyncio.sleep(rng.uniform(0.5, 3.0))
            place, is_killed, pause_s = rng.randrange(RUNNERS), rng.random() < 0.5, rng.uniform(0.3, 2 * JOB_LEASE_S)
            async with self.lasting:
                self.model.note(f"runner {place} {'is killed' if is_killed else f'stands still for {pause_s:.1f} s'}")
                if is_killed:
                    self.stage.runners[place].kill()
                    self.stage.start_runner(place)
                else:
                    self.stage.runners[place].signal(signal.SIGSTOP)
            if not is_killed:
                await asyncio.sleep(pause_s)
                self.stage.runners[place].signal(signal.SIGCONT)

    async def break_others(self, rng: random.Random) -> None:
        """Break front-ends and servers until it is time to stop, one after the other."""
        single = (self._kill_server, self._stop_server)
        several = (self._fail_over, self._hand_over, self._cut_off, self._stop_server)
        servers = several if self.stage.group else single
        while not self.stopping.is_set():
            await asyncio.sleep(rng.uniform(1.0, 4.0))
            fault = rng.choice((self._kill_front_end, self._stop_front_end, *servers))
            await fault(rng)

    async def _kill_front_end(self, rng: random.Random) -> None:
        place, pause_s = rng.randrange(FRONT_ENDS), rng.uniform(0.0, 1.0)
        async with self.lasting:
            self.model.note(f"front-end {place} is killed")
            self.stage.front_ends[place].kill()
            await asyncio.sleep(pause_s)
            self.stage.start_front_end(place)

    async def _stop_front_end(self, rng: random.Random) -> None:
        place, pause_s = rng.randrange(FRONT_ENDS), rng.uniform(0.5, 6.0)
        self.model.note(f"front-end {place} stands still for {pause_s:.1f} s")
        self.stage.front_ends[place].signal(signal.SIGSTOP)
        await asyncio.sleep(pause_s)
        self.stage.front_ends[place].signal(signal.SIGCONT)

    async def _kill_server(self, rng: random.Random) -> None:
        self.model.note("the server is killed")
        server, pause_s = self.stage.serving(), rng.uniform(0.2, 2.0)
        server.kill()
        await asyncio.sleep(pause_s)
        await asyncio.to_thread(server.start)

    async def _stop_server(self, rng: random.Random) -> None:
        server, pause_s = await asyncio.to_thread(self.stage.serving), rng.uniform(0.3, 5.0)
        self._loosen(is_late=True)
        self.model.note(f"the server stands still for {pause_s:.1f} s")
        async with self.lasting:
            server.signal(signal.SIGSTOP)
            await asyncio.sleep(pause_s)
            server.signal(signal.SIGCONT)
            if self.stage.group:
                await asyncio.sleep(REPLAYED_S)

    async def _fail_over(self, _: random.Random) -> None:
        await self._take_over("the master is killed", cut_off_s=0.0)

    async def _cut_off(self, rng: random.Random) -> None:
        await self._take_over("replicas are cut off, and then the master is killed", rng.uniform(0.5, 4.0))

    async def _take_over(self, fault: str, cut_off_s: float) -> None:
        group = self.stage.group
        assert group is not None
        self._loosen(is_late=False)
        async with self.lasting:
            master = await asyncio.to_thread(self.stage.serving)
            self.model.note(fault)
            if cut_off_s:
                await asyncio.to_thread(group.cut_off_replicas, master)
                await asyncio.sleep(cut_off_s)
            master.kill()
            self.model.note("the master is dead")
            await asyncio.to_thread(wait_for, lambda: self.stage.serving() is not master, "another master", 30)
            self.model.note("another master serves")
            await asyncio.sleep(REPLAYED_S)
        await asyncio.to_thread(group.mend, CHANNEL)

    async def _hand_over(self, _: random.Random) -> None:
        assert self.stage.group is not None
        self._loosen(is_late=True)
        async with self.lasting:
            self.model.note("the master hands over")
            await asyncio.to_thread(self.stage.group.hand_over, CHANNEL)
            await asyncio.sleep(REPLAYED_S)
        await asyncio.to_thread(self.stage.group.mend, CHANNEL)

    def _loosen(self, is_late: bool) -> None:
        if self.stage.group:
            self.model.loosen(is_late)
