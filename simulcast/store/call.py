"""One call of a sender: a command, how it may be sent again, and who waits for its reply."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Optional

import redis

from simulcast.store import functions
from simulcast.store.functions import Command

RetainAs = Callable[[object], Command | None]  # from the reply of a call to the command that is retained, if any
LATER = [b"later"]  # the reply to a call that depends on one which another process may still send again


def keep_command(command: Command) -> RetainAs:
    """Return the rule that retains the command, whatever the reply."""
    return lambda _: command


@dataclass(slots=True, eq=False)
class Call:
    """`deadline`: loop time up to which it is sent again; 0 for never. `superseded` get the same reply."""

    command: Command
    action: str
    deadline: float
    key: str
    supersedable: bool
    wait_for_replica: bool
    retain_as: RetainAs | None
    reply: asyncio.Future[object] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    superseded: list[asyncio.Future[object]] = field(default_factory=list)

    size_bytes: int = field(init=False)  # of the arguments

    def __post_init__(self) -> None:
        self.size_bytes = sum(len(argument) for argument in self.command if not isinstance(argument, int))

    def set_reply(self, result: object) -> None:
        """Set the result, or raise the error, where the reply is awaited."""
        for reply in (self.reply, *self.superseded):
            if reply.done():  # its caller was cancelled
                continue
            if isinstance(result, redis.RedisError):
                reply.set_exception(functions.translate_error(result, self.action))
            elif isinstance(result, Exception):
                reply.set_exception(result)
            else:
                reply.set_result(result)

    def retained(self, reply: object) -> Optional["Call"]:
        """Return the call that is sent again in place of this one: always the same for what was sent again already."""
        command = self.retain_as(reply) if self.retain_as is not None else None
        if command is None or command is self.command:
            return self if command is not None else None
        return Call(command, self.action, 0.0, self.key, False, True, keep_command(command))
