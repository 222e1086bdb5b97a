"""Asking the server to do something with a download, and its answer.

Exception
├─ CommandRejected       the server says no, and why
└─ TimeoutError
   └─ CommandUnanswered  no answer by the deadline: it may have been carried out, or may not
"""

import asyncio
import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MAX_ID_CHARS = 200
_ANSWER = '{"type":"command_result"'


def as_json(members: Mapping[str, object]) -> str:
    """A message as in docs/contract, without white space. Raises TypeError or ValueError for what has no JSON form."""
    return json.dumps(dict(members), allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The server has recorded the wish; what comes of it is told to everyone as an event.

    `download_id` is "" for `clear_finished`.
    """

    action: str
    download_id: str
    command_id: str


class CommandRejected(Exception):
    """`reason`: `unknown_download`, `invalid_transition`, `unavailable`, `not_allowed`; the message is for people."""

    def __init__(self, action: str, download_id: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.action = action
        self.download_id = download_id
        self.reason = reason


class CommandTimeout(TimeoutError):
    """It may have been carried out, or may not. To ask again does no harm."""


class Commands:
    """The commands that are not answered yet."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[str, asyncio.Future[dict[str, object] | None]]] = {}

    @property
    def texts(self) -> list[str]:
        """To be sent again on a new connection. Each has a command_id, by which the server knows it again."""
        return [text for text, _ in self._asked.values()]

    async def request(
        self, send: Callable[[str], bool], action: str, download_id: str, deadline_s: float, members: dict[str, object]
    ) -> CommandResult:
        """Sends it, now or when there is a connection. Raises CommandRejected and CommandUnanswered."""
        command_id = uuid.uuid4().hex
        about = {"download_id": download_id} if download_id else {}
        text = as_json({"action": action, **about, "command_id": command_id, **members})
        answered: asyncio.Future[dict[str, object] | None] = asyncio.get_running_loop().create_future()
        self._asked[command_id] = (text, answered)
        what = f"{action} {download_id}".rstrip()
        try:
            send(text)
            async with asyncio.timeout(deadline_s):
                answer = await answered
        except TimeoutError:
            raise CommandTimeout(f"{what}: no answer within {deadline_s:g} s") from None
        finally:
            del self._asked[command_id]
        if answer is None:
            raise CommandTimeout(f"{what}: disconnected before the answer came")
        if answer.get("status") == "accepted":
            return CommandResult(action, download_id, command_id)
        reason, message = str(answer.get("reason", "")), str(answer.get("message", ""))
        raise CommandRejected(action, download_id, reason, message)

    def is_answer(self, text: str) -> bool:
        """Whether `text` answers one of them; who asked gets it then."""
        if not self._asked or not text.startswith(_ANSWER):
            return False
        try:
            answer = json.loads(text)
            _, answered = self._asked[answer["command_id"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        if not answered.done():
            answered.set_result(answer)
        return True

    def give_up(self) -> None:
        """Nobody will answer them any more."""
        for _, answered in self._asked.values():
            if not answered.done():
                answered.set_result(None)


class CommandMethods(ABC):
    """The commands as methods. Each returns once the server has recorded the wish.

    Each raises CommandRejected where the server says no, CommandUnanswered without an answer within `deadline_s`, and
    ConnectionError if the Gateway is neither connected nor trying to. A connection that is lost meanwhile does no
    harm: the command is sent again, and carried out once. A callback can't wait for an answer, since it is what holds
    up the reading: called by one, each raises RuntimeError.
    """

    async def pause(self, download_id: str, *, deadline_s: float = 10.0) -> CommandResult:
        """Pauses a download that is queued or running."""
        return await self._about_one("pause_download", download_id, deadline_s, {})

    async def resume(self, download_id: str, *, deadline_s: float = 10.0) -> CommandResult:
        """Resumes a download that is paused."""
        return await self._about_one("resume_download", download_id, deadline_s, {})

    async def cancel(self, download_id: str, *, deadline_s: float = 10.0) -> CommandResult:
        """Cancels a download that hasn't ended."""
        return await self._about_one("cancel_download", download_id, deadline_s, {})

    async def retry(self, download_id: str, *, deadline_s: float = 10.0) -> CommandResult:
        """Begins a download anew that has failed or was cancelled."""
        return await self._about_one("retry_download", download_id, deadline_s, {})

    async def limit(self, download_id: str, bytes_per_s: int, *, deadline_s: float = 10.0) -> CommandResult:
        """Lets a download that isn't complete take at most so many bytes a second; 0 for no limit."""
        return await self._about_one("limit_download", download_id, deadline_s, {"bytes_per_s": bytes_per_s})

    async def delete(self, download_id: str, *, file: bool = False, deadline_s: float = 10.0) -> CommandResult:
        """Forgets a download that doesn't run; with `file` its file goes too."""
        return await self._about_one("delete_download", download_id, deadline_s, {"file": file} if file else {})

    async def clear_finished(self, *, deadline_s: float = 10.0) -> CommandResult:
        """Forgets all downloads that have ended; files stay."""
        return await self._command("clear_finished", "", deadline_s, {})

    async def _about_one(
        self, action: str, download_id: str, deadline_s: float, members: dict[str, object]
    ) -> CommandResult:
        if not 1 <= len(download_id) <= MAX_ID_CHARS:
            raise ValueError(f"a download_id has 1 to {MAX_ID_CHARS} characters, not {len(download_id)}")
        return await self._command(action, download_id, deadline_s, members)

    @abstractmethod
    async def _command(
        self, action: str, download_id: str, deadline_s: float, members: dict[str, object]
    ) -> CommandResult: ...
