"""Commands about downloads, and their results.

Exception
├─ CommandRejected    the server refuses, with the reason
└─ TimeoutError
   └─ CommandTimeout  no result by the deadline: the command may have been carried out, or may not
"""

import asyncio
import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MAX_ID_CHARS = 200
JOB_ACTIONS = frozenset({"cancel_job", "remove_job"})
REQUEST_ACTIONS = frozenset({"add_download", "get_download", "list_downloads", "publish"})
MAX_COMMAND_CHARS, MAX_REQUEST_CHARS = 4096, 16 * 1024
_RESULT = '{"type":"command_result"'


def as_json(members: Mapping[str, object]) -> str:
    """Return a message as in docs/contract, without white space. Raises TypeError or ValueError without a JSON form."""
    text = json.dumps(dict(members), allow_nan=False, separators=(",", ":"))
    if "\\ud" in text:  # the server ignores half of a surrogate pair, and no result would ever come
        json.dumps(dict(members), ensure_ascii=False).encode()
    return text


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The server has recorded the command; its effect follows as an event for everyone.

    `download_id` is "" for `clear_finished`, and for commands of jobs, which have a `job_id`.
    """

    action: str
    download_id: str
    command_id: str
    job_id: str = ""


class CommandRejected(Exception):
    """`reason`: one of those in docs/protocol.md, such as `invalid_transition`.

    The message is for people. `download_id` and `job_id` are those of CommandResult.
    """

    def __init__(self, action: str, download_id: str, reason: str, message: str, job_id: str = "") -> None:
        super().__init__(message)
        self.action = action
        self.download_id = download_id
        self.job_id = job_id
        self.reason = reason


class CommandTimeout(TimeoutError):
    """The command may have been carried out, or may not. A second one does no harm."""


class Commands:
    """The commands without a result yet."""

    def __init__(self) -> None:
        self._pending: dict[str, tuple[str, asyncio.Future[dict[str, object] | None]]] = {}

    @property
    def texts(self) -> list[str]:
        """Messages to send again on a new connection. By its command_id the server recognises each."""
        return [text for text, _ in self._pending.values()]

    async def request(
        self,
        send: Callable[[str], bool],
        action: str,
        target: Mapping[str, str],
        deadline_s: float,
        members: Mapping[str, object],
    ) -> Mapping[str, object]:
        """Send a command, now or when there is a connection, and return the server's answer, which accepts it.

        Raises CommandRejected, CommandTimeout, and ValueError for one that the server would not read.
        """
        command_id = uuid.uuid4().hex
        text = as_json({"action": action, **target, "command_id": command_id, **members})
        limit = MAX_REQUEST_CHARS if action in REQUEST_ACTIONS else MAX_COMMAND_CHARS
        if len(text) > limit:
            raise ValueError(f"{action}: a message has at most {limit:,} characters, not {len(text):,}: use REST")
        future: asyncio.Future[dict[str, object] | None] = asyncio.get_running_loop().create_future()
        self._pending[command_id] = (text, future)
        command = " ".join((action, *target.values()))
        try:
            send(text)
            async with asyncio.timeout(deadline_s):
                result = await future
        except TimeoutError:
            raise CommandTimeout(f"{command}: no answer within {deadline_s:g} s") from None
        finally:
            del self._pending[command_id]
        if result is None:
            raise CommandTimeout(f"{command}: disconnected before the answer came")
        if result.get("status") == "accepted":
            return result
        reason, message = str(result.get("reason", "")), str(result.get("message", ""))
        download_id = str(target.get("download_id", members.get("download_id", "")))
        raise CommandRejected(action, download_id, reason, message, target.get("job_id", ""))

    def take_result(self, text: str) -> bool:
        """Give `text` to the command whose result it is. False if there is none."""
        if not self._pending or not text.startswith(_RESULT):
            return False
        try:
            result = json.loads(text)
            _, future = self._pending[result["command_id"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        if not future.done():
            future.set_result(result)
        return True

    def give_up(self) -> None:
        """End all of them: no result will come."""
        for _, future in self._pending.values():
            if not future.done():
                future.set_result(None)


class CommandMethods(ABC):
    """The commands as methods. Each returns once the server has recorded the command.

    Each raises CommandRejected where the server refuses, CommandTimeout without a result within `deadline_s`, and
    ConnectionError if the Gateway is neither connected nor trying to. A connection that is lost meanwhile does no
    harm: the command is sent again, and carried out once. In a callback each raises RuntimeError: the callback holds up
    the reading of the result. `channel`: that of the download or job; "" for the user's own, or else `downloads`.
    """

    async def pause(self, download_id: str, *, channel: str = "", deadline_s: float = 10.0) -> CommandResult:
        """Pause a download that is queued or running."""
        return await self._command_one("pause_download", download_id, deadline_s, {}, channel)

    async def resume(self, download_id: str, *, channel: str = "", deadline_s: float = 10.0) -> CommandResult:
        """Resume a download that is paused."""
        return await self._command_one("resume_download", download_id, deadline_s, {}, channel)

    async def cancel(self, download_id: str, *, channel: str = "", deadline_s: float = 10.0) -> CommandResult:
        """Cancel a download that hasn't ended."""
        return await self._command_one("cancel_download", download_id, deadline_s, {}, channel)

    async def retry(self, download_id: str, *, channel: str = "", deadline_s: float = 10.0) -> CommandResult:
        """Begin a new attempt of a download that has failed or was cancelled."""
        return await self._command_one("retry_download", download_id, deadline_s, {}, channel)

    async def limit(
        self, download_id: str, bytes_per_s: int, *, channel: str = "", deadline_s: float = 10.0
    ) -> CommandResult:
        """Limit the speed of a download that isn't complete; 0 for no limit."""
        members: dict[str, object] = {"bytes_per_s": bytes_per_s}
        return await self._command_one("limit_download", download_id, deadline_s, members, channel)

    async def relink(self, download_id: str, url: str, *, channel: str = "", deadline_s: float = 10.0) -> CommandResult:
        """Give a download that isn't complete a fresh link: it goes on where the file is the same version."""
        return await self._command_one("relink_download", download_id, deadline_s, {"url": url}, channel)

    async def move(
        self, download_id: str, position: str | dict[str, str], *, channel: str = "", deadline_s: float = 10.0
    ) -> CommandResult:
        """Move a download that waits: "first", "last", {"before": id} or {"after": id}."""
        return await self._command_one("move_download", download_id, deadline_s, {"position": position}, channel)

    async def prioritize(
        self, download_id: str, priority: int, *, channel: str = "", deadline_s: float = 10.0
    ) -> CommandResult:
        """Change the priority of a download that waits: -9 to 9."""
        return await self._command_one("prioritize_download", download_id, deadline_s, {"priority": priority}, channel)

    async def schedule(
        self, download_id: str, start_at: float | str | None, *, channel: str = "", deadline_s: float = 10.0
    ) -> CommandResult:
        """Let a download that waits or is paused begin no sooner than at `start_at`, as in `add`; None for now."""
        return await self._command_one("schedule_download", download_id, deadline_s, {"start_at": start_at}, channel)

    async def rename(
        self, download_id: str, name: str, *, channel: str = "", deadline_s: float = 10.0
    ) -> CommandResult:
        """Change the name that the file of a download that waits or is paused will get."""
        return await self._command_one("rename_download", download_id, deadline_s, {"name": name}, channel)

    async def delete(
        self, download_id: str, *, file: bool = False, channel: str = "", deadline_s: float = 10.0
    ) -> CommandResult:
        """Forget a download that doesn't run; with `file` its file goes too."""
        members: dict[str, object] = {"file": file} if file else {}
        return await self._command_one("delete_download", download_id, deadline_s, members, channel)

    async def clear_finished(self, *, channel: str = "", deadline_s: float = 10.0) -> CommandResult:
        """Forget all downloads that have ended; files stay."""
        return await self._command("clear_finished", {}, deadline_s, {}, channel)

    async def cancel_job(self, job_id: str, channel: str = "", *, deadline_s: float = 10.0) -> CommandResult:
        """Ask the process that runs a job to end it; one that is queued ends immediately."""
        return await self._command_one("cancel_job", job_id, deadline_s, {}, channel)

    async def remove_job(self, job_id: str, channel: str = "", *, deadline_s: float = 10.0) -> CommandResult:
        """Remove a job that doesn't run from the list, for everyone."""
        return await self._command_one("remove_job", job_id, deadline_s, {}, channel)

    async def _command_one(
        self, action: str, target_id: str, deadline_s: float, members: dict[str, object], channel: str
    ) -> CommandResult:
        member = "job_id" if action in JOB_ACTIONS else "download_id"
        if not 1 <= len(target_id) <= MAX_ID_CHARS:
            raise ValueError(f"a {member} has 1 to {MAX_ID_CHARS} characters, not {len(target_id)}")
        return await self._command(action, {member: target_id}, deadline_s, members, channel)

    async def _command(
        self, action: str, target: dict[str, str], deadline_s: float, members: dict[str, object], channel: str
    ) -> CommandResult:
        given = {**members, "channel": channel} if channel else members
        answer = await self._request(action, target, deadline_s, given)
        download_id, job_id = target.get("download_id", ""), target.get("job_id", "")
        return CommandResult(action, download_id, str(answer["command_id"]), job_id)

    @abstractmethod
    async def _request(
        self, action: str, target: dict[str, str], deadline_s: float, members: Mapping[str, object]
    ) -> Mapping[str, object]: ...
