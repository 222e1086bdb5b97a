"""Feeds brought to the heads that were read: each by a task of its own, of which few read from Redis simultaneously."""

import asyncio
from collections.abc import Callable

from simulcast.broker import Broker, Head
from simulcast.frontend.ingest.backfill import Backfill
from simulcast.frontend.ingest.subscription import Subscription, resolve

BACKFILL_TIMEOUT_S = 10.0
MAX_CONCURRENT_BACKFILLS = 32


class FeedUpdates:
    """The updates of one listener's feeds: at most one task a feed, which goes on while newer heads are read."""

    def __init__(
        self,
        broker: Broker,
        on_caught_up: Callable[[Subscription], None],
        on_error: Callable[[Subscription, Exception], None],
    ) -> None:
        """`on_error`: raises what ends the session."""
        self._backfill = Backfill(broker)
        self._on_caught_up, self._on_error = on_caught_up, on_error
        self._places = asyncio.Semaphore(MAX_CONCURRENT_BACKFILLS)

    def bring_to(self, subscription: Subscription, head: Head, group: asyncio.TaskGroup) -> None:
        """Bring the feed to that head, and then resolve what waits: now where nothing has to be read, else in a task.

        The group's session calls `Subscription.renew` at its end.
        """
        try:
            self._bring_to(subscription, head, group)
        except Exception as error:
            self._on_error(subscription, error)

    def _bring_to(self, subscription: Subscription, head: Head, group: asyncio.TaskGroup) -> None:
        subscription.feed.latency.record_head(head.position, head.published_at)
        if not subscription.reconciling and self._backfill.is_at(subscription.feed, head):
            self._on_caught_up(subscription)
            resolve(subscription.take_waiting(), True)
            return
        subscription.head = head
        if not subscription.reconciling:
            reconciling = self._reconcile(subscription)
            try:
                group.create_task(reconciling, name="backfill")
            except RuntimeError:  # the session ends
                reconciling.close()
            else:
                subscription.reconciling = True

    async def _reconcile(self, subscription: Subscription) -> None:
        while (head := subscription.head) is not None:
            subscription.head = None
            waiting = subscription.take_waiting()
            try:
                async with self._places, asyncio.timeout(BACKFILL_TIMEOUT_S):
                    await self._backfill.reconcile(subscription.names.channel, subscription.feed, head)
                self._on_caught_up(subscription)
                resolve(waiting, True)
            except Exception as error:
                self._on_error(subscription, error)
            finally:
                resolve(waiting, False)
        subscription.reconciling = False
