"""The life of a front-end within its application: its start, its restart after a failure, and its end."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from starlette.exceptions import HTTPException

from simulcast.cancellation import cancel_and_wait
from simulcast.errors import BrokerUnavailable
from simulcast.frontend.drain import drain
from simulcast.frontend.fanout.counters import Counters
from simulcast.frontend.grant import Grant
from simulcast.frontend.heartbeat import NO_ENDPOINT, Endpoint
from simulcast.frontend.services import RETRY_AFTER, Services, open_services
from simulcast.frontend.subscriptions.connection_writer import ConnectionWriter
from simulcast.frontend.subscriptions.options import SubscribeOptions
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.model.channel import DEFAULT_CHANNEL, ChannelNames
from simulcast.model.close_codes import Reconnect, Refresh
from simulcast.model.download_url import WEB
from simulcast.settings.redis import RedisSettings
from simulcast.store.url import validate

MAX_CLIENTS = 10_000
MIN_RESTART_DELAY_S, MAX_RESTART_DELAY_S = 1.0, 60.0
SERVER_POLL_INTERVAL_S = 0.25
SHUTTING_DOWN_REASON = "this front-end ends: come back, to another one or when it has started again"
NOT_STARTED_REASON = "this FrontEnd does not run: pass its lifespan to the application, FastAPI(lifespan=live.lifespan)"
_log = logging.getLogger("simulcast.frontend")


@dataclass(eq=False, repr=False)
class Supervisor:
    """Runs the services, whose options `FrontEnd` describes. Installs no signal handler and ends no process.

    When a task of them dies, it logs why, disconnects the clients so that they reconnect, and starts again.
    """

    redis_url: str = ""
    _: KW_ONLY
    channel: str = DEFAULT_CHANNEL
    schemes: Collection[str] = WEB
    files_dir: Path | None = None
    latency_first: bool = False
    max_clients: int | None = MAX_CLIENTS
    drain_s: float = 0.0
    endpoint: Endpoint = NO_ENDPOINT
    on_failure: Callable[[], None] = lambda: None
    is_revoked: Callable[[Grant], bool] = lambda _: False

    def __post_init__(self) -> None:
        validate(self.redis_url)
        ChannelNames(self.channel)
        self.stopping = asyncio.Event()
        self._counters = Counters(time.monotonic)
        self._services: Services | None = None
        self._trouble = NOT_STARTED_REASON
        self._draining: asyncio.Task[None] | None = None

    @property
    def services(self) -> Services:
        """The parts that run now. Raises BrokerUnavailable, which says why, while none do."""
        if self._services is None:
            raise BrokerUnavailable(self._trouble)
        return self._services

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Run while the application does. Within an application's own lifespan: `async with live.lifespan(app): …`.

        Raises SettingRefused for a REDIS_URL of no known form, RuntimeError where it runs already.
        """
        if self._trouble != NOT_STARTED_REASON:
            raise RuntimeError("the lifespan of this FrontEnd has begun already: each application needs its own")
        settings = RedisSettings.from_environment(**({"REDIS_URL": self.redis_url} if self.redis_url else {}))
        self._trouble, self.stopping, self._draining = "the front-end starts", asyncio.Event(), None
        tasks = [
            asyncio.create_task(self._run(settings), name="simulcast-front-end"),
            asyncio.create_task(self._drain_with_server(), name="simulcast-server-watch"),
        ]
        try:
            yield
        finally:
            await self.drain()
            await cancel_and_wait(tasks)
            self._trouble = NOT_STARTED_REASON

    def not_ready(self) -> str | None:
        """Return why clients should not come now, or None while they may, and events arrive here."""
        return self._trouble_now() or self.services.listeners.not_ready()

    def refusal(self) -> str | None:
        """Return why no further client is admitted now, or None."""
        if (trouble := self._trouble_now()) is not None or self.max_clients is None:
            return trouble
        if len(self.services.connected) < self.max_clients:
            return None
        return f"this front-end has all the {self.max_clients:,} clients that it may: come back later"

    def started_session(self, channels: Collection[str]) -> Services | None:
        """Return the running services where they follow the channels; None where `open_session` is to be awaited.

        Raises HTTPException 503 where no further client is admitted.
        """
        if (reason := self.refusal()) is not None:
            raise HTTPException(503, reason, RETRY_AFTER)
        services = self.services
        return services if all(map(services.channels.started_feed, channels)) else None

    async def open_session(self, channels: Collection[str], address: str) -> Services:
        """Return the running services, which follow the channels. Raises HTTPException 503 where that can't be now."""
        if (reason := self.refusal()) is None:
            services = self.services
            reason = await services.start(channels, address)
        if reason is not None:
            raise HTTPException(503, reason, RETRY_AFTER)
        return services

    def join(
        self, services: Services, options: SubscribeOptions, writer: ConnectionWriter, grant: Grant, address: str
    ) -> Subscriber:
        """Return a new client. It is disconnected where its grant, or `services`, ended since its handshake began."""
        client = services.join(options, writer, grant, address)
        if services is not self._services or self.stopping.is_set():
            client.close(Reconnect.SERVICE_RESTART, "this front-end ends: reconnect")
        elif self.is_revoked(grant):
            client.close(Refresh.TOKEN_EXPIRED, "the token was revoked")
        return client

    async def drain(self) -> None:
        """Admit no more clients, and disconnect those that are here, so that they reconnect.

        The end of the lifespan does so. An application calls it earlier where its server says that it is about to end.
        """
        self.stopping.set()
        if self._draining is None and self._services is not None:
            self._draining = asyncio.create_task(drain(self._services.connected, self.drain_s), name="simulcast-drain")
        if self._draining is not None:
            await asyncio.shield(self._draining)

    def _trouble_now(self) -> str | None:
        if self.stopping.is_set():
            return SHUTTING_DOWN_REASON
        return self._trouble if self._services is None else None

    async def _run(self, settings: RedisSettings) -> None:
        url = settings.resolved_redis_url()
        delay_s = MIN_RESTART_DELAY_S
        while True:
            started_at = time.monotonic()
            try:
                opening = open_services(
                    url,
                    self.channel,
                    self._counters,
                    self.schemes,
                    settings.silent_ttl_s,
                    self.files_dir,
                    self.latency_first,
                )
                async with opening as services:
                    self._services = services
                    try:
                        await services.run(self.endpoint)
                    except Exception as error:
                        self._trouble = f"a task of the front-end died ({type(error).__name__}): it starts again"
                        raise
                    finally:
                        self._services = None
                        await drain(services.connected, 0.0)
            except Exception:
                ran_long = time.monotonic() - started_at > MAX_RESTART_DELAY_S
                delay_s = MIN_RESTART_DELAY_S if ran_long else min(2 * delay_s, MAX_RESTART_DELAY_S)
                _log.critical("a task of the front-end died: it starts again in %.0f s", delay_s, exc_info=True)
                try:
                    self.on_failure()
                except Exception:
                    _log.exception("on_failure failed")
            await asyncio.sleep(delay_s)

    async def _drain_with_server(self) -> None:
        """Drain as soon as uvicorn is told to end: it waits for responses first, and ends the lifespan afterwards."""
        while not _uvicorn_is_stopping():  # noqa: ASYNC110 (it has no event)
            await asyncio.sleep(SERVER_POLL_INTERVAL_S)
        await self.drain()


def _uvicorn_is_stopping() -> bool:
    """Return whether the uvicorn server that handles this process's SIGTERM was told to end; for other servers, no."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))
