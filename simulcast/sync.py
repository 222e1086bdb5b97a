"""The four calls for threads and plain scripts: as in `simulcast.notify`, without await."""

import threading
import time
from functools import cache

import redis

from simulcast import library
from simulcast.broker import publish_arguments
from simulcast.connection import connect_sync
from simulcast.events import Message, complete_event, encode, error_event, progress_event
from simulcast.names import DEFAULT_CHANNEL, ChannelNames
from simulcast.position import Position
from simulcast.sender import LONGEST_PAUSE_S, PATIENCE_S, Command
from simulcast.settings import SharedSettings


class SyncPublisher:
    """Publishes over one connection, in order; safe to call from several threads."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._one_at_a_time = threading.Lock()

    def publish(self, message: Message, channel: str = DEFAULT_CHANNEL) -> Position | None:
        """As `Broker.publish`."""
        names = ChannelNames(channel)
        event = encode(message)
        with self._one_at_a_time:
            try:
                if isinstance(event, str):
                    self._client.publish(names.pubsub, event.encode("utf-8", "replace"))
                    return None
                keys, args = publish_arguments(names, event, "")
                command = ("FCALL", library.name("publish"), len(keys), *keys, *args)
                return Position.parse(self._insist(command).decode())
            except redis.RedisError as error:
                raise library.translated(error, "publish") from error

    def _insist(self, command: Command) -> bytes:
        """Sends it again while Redis is away, for up to PATIENCE_S."""
        until, pause_s = time.monotonic() + PATIENCE_S, 0.1
        while True:
            try:
                return self._execute(command)
            except (redis.ConnectionError, redis.TimeoutError):
                if time.monotonic() + pause_s > until:
                    raise
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _execute(self, command: Command) -> bytes:
        try:
            reply: bytes = self._client.execute_command(*command)
        except redis.ResponseError as error:
            if not library.is_missing(error):
                raise
            self._load()
            reply = self._client.execute_command(*command)
        return reply

    def _load(self) -> None:
        try:
            self._client.execute_command("FUNCTION LOAD", library.code())
        except redis.ResponseError as error:
            if not library.load_error_is_a_race(error):
                raise

    def close(self) -> None:
        self._client.close()


@cache
def _publisher() -> SyncPublisher:
    return SyncPublisher(connect_sync(SharedSettings().resolved_redis_url()))


def broadcast_message(message: Message, channel: str = DEFAULT_CHANNEL) -> Position | None:
    """Reaches every connected client of every front-end; see `simulcast.notify.broadcast_message`."""
    return _publisher().publish(message, channel)


def notify_download_progress(download_id: str, progress: float, speed: int) -> Position | None:
    """`progress`: 0.0 to 1.0; `speed`: bytes a second. Raises as `broadcast_message`."""
    return broadcast_message(progress_event(download_id, progress, speed))


def notify_download_complete(download_id: str, file_path: str) -> Position | None:
    """The download has ended well; its file is at `file_path`. Raises as `broadcast_message`."""
    return broadcast_message(complete_event(download_id, file_path))


def notify_download_error(download_id: str, error_message: str) -> Position | None:
    """The download has failed; `error_message` is for a person. Raises as `broadcast_message`."""
    return broadcast_message(error_event(download_id, error_message))
