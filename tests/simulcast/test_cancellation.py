import asyncio

from simulcast.broker import Broker
from simulcast.cancellation import cancel_and_wait, is_cancelling
from simulcast.errors import BrokerUnavailable
from simulcast.model.position import Position


async def test_a_loop_whose_cancellation_is_swallowed_ends_all_the_same() -> None:
    rounds = 0

    async def loop() -> None:
        nonlocal rounds
        while not is_cancelling():
            rounds += 1
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    task = asyncio.create_task(loop())
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(10):
        await task
    assert rounds == 1


async def test_a_task_that_swallows_it_is_cancelled_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await cancel_and_wait([task])
    assert swallowed == 2


async def test_a_deadline_that_has_passed_is_no_wish_to_stop() -> None:
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(60)
    except TimeoutError:
        pass
    assert not is_cancelling()


async def test_a_publisher_can_be_stopped_at_any_moment(broker: Broker, channel: str) -> None:
    """As `asyncio.run` does it at its end: it cancels the sender's task and waits.

    The publication gets its position or the documented error. redis-py may swallow the cancellation of the sender.
    """
    for pauses in range(12):
        publishing = asyncio.create_task(broker.publish({}, channel))
        for _ in range(pauses):
            await asyncio.sleep(0)
        publishing.cancel()
        (outcome,) = await asyncio.gather(publishing, return_exceptions=True)
        assert isinstance(outcome, Position | asyncio.CancelledError), outcome
    senders = [task for task in asyncio.all_tasks() if task.get_name() == "simulcast-sender"]
    publishing = asyncio.create_task(broker.publish({}, channel))
    await asyncio.sleep(0)
    for task in senders:
        task.cancel()
    async with asyncio.timeout(10):
        outcome, *ends = await asyncio.gather(publishing, *senders, return_exceptions=True)
    assert isinstance(outcome, Position | BrokerUnavailable), outcome
    assert ends and all(end is None or isinstance(end, asyncio.CancelledError) for end in ends), ends
