"""Every name in Redis. All keys of a channel share its hash tag, so a cluster keeps them in one slot."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

DEFAULT_CHANNEL = "downloads"
CHANNEL_PATTERN = "[A-Za-z0-9_.:-]{1,100}"
MAX_CHANNEL_CHARS = 100
DEFAULT_NAMESPACE = "simulcast"
HISTORY = ":history"  # the end of the key of a channel's history
NAMESPACE_PATTERN = "[A-Za-z0-9_.-]{1,50}"
ENDS_WAIT = "\nends"  # a wake-up that no id of a job is, as in lua/ends.lua
_CHANNEL = re.compile(CHANNEL_PATTERN, re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_.-]", re.ASCII)


def name_prefix(namespace: str = DEFAULT_NAMESPACE, database: int = 0) -> str:
    """Return the beginning of all names of a service: databases of one Redis share its Pub/Sub channels.

    Neither a namespace nor a channel has a slash, so no two services share a name.
    """
    return f"{namespace}:{database}/" if database else f"{namespace}:"


def user_channel(prefix: str, user: str) -> str:
    """Return the channel of one user, which no other user has. Raises ValueError for text that has no UTF-8 form.

    `prefix`: at most 30 characters. All but letters, digits, `_`, `.` and `-` become `:` and two hexadecimal digits for
    each byte; a name that is too long then becomes a digest.
    """
    name = "".join(
        character if _PLAIN.fullmatch(character) else "".join(f":{byte:02x}" for byte in character.encode())
        for character in user
    )
    if len(prefix) + len(name) > MAX_CHANNEL_CHARS:
        name = f"::{hashlib.sha256(user.encode()).hexdigest()}"
    return prefix + name


@dataclass(frozen=True)
class ChannelNames:
    """Keys and Pub/Sub channels of `channel`. Raises ValueError unless that is 1–100 of A–Z a–z 0–9 _ . : -"""

    channel: str = DEFAULT_CHANNEL
    prefix: str = name_prefix()

    def __post_init__(self) -> None:
        if _CHANNEL.fullmatch(self.channel) is None:
            raise ValueError(f"a channel has 1 to 100 of A-Z a-z 0-9 _ . : -, not {self.channel[:120]!r}")

    @cached_property
    def pubsub(self) -> str:
        """Pub/Sub channel of the publications, and hash tag of the keys."""
        return f"{self.prefix}{self.channel}"

    def _key(self, name: str) -> str:
        return f"{{{self.pubsub}}}:{name}"

    @cached_property
    def stream_keys(self) -> list[str]:
        """First KEYS of every function of a channel, in the order of lua/incarnation.lua."""
        return [self._key(name) for name in ("meta", "history", "latest", "touched", "ended", "ended_at")]

    @cached_property
    def meta(self) -> str:
        return self._key("meta")

    @cached_property
    def history(self) -> str:
        return self.stream_keys[1]

    def dedup_key(self, idempotency_key: str) -> str:
        """Key that holds the id of the publication with this idempotency key."""
        return self._key(f"dedup:{idempotency_key}")

    @cached_property
    def job_prefix(self) -> str:
        """Key of a job's record (a hash), without the download_id at its end."""
        return self._key("job:")

    @cached_property
    def orphans_prefix(self) -> str:
        """Key of the files that no job owns any more, without the host at its end."""
        return self._key("orphaned_files:")

    @cached_property
    def job_keys(self) -> list[str]:
        """KEYS of the functions of jobs, behind `stream_keys`, in the order of lua/jobs.lua."""
        return [self._key(name) for name in ("jobs", "ready", "leases", "done")]

    @cached_property
    def own_job_keys(self) -> list[str]:
        """As `job_keys`, of the jobs that are no downloads, in the order of lua/own_jobs.lua."""
        return [self._key(f"own_{name}") for name in ("jobs", "queued", "leases", "done")]

    @cached_property
    def process_keys(self) -> list[str]:
        """KEYS of the functions of the registry, in the order of lua/process_registry.lua."""
        return [self._key(name) for name in ("processes", "processes_until", "totals")]

    @cached_property
    def answer_keys(self) -> list[str]:
        """KEYS of the answers to requests, in the order of lua/answers.lua."""
        return [self._key(name) for name in ("answers", "answers_begun")]

    @cached_property
    def revocation_keys(self) -> list[str]:
        """KEYS of the revoked tokens, in the order of lua/revocations.lua."""
        return [self._key(name) for name in ("revoked", "revoked_version")]

    @cached_property
    def limit_keys(self) -> list[str]:
        """KEYS of the limits of all workers, in the order of lua/shared_limits.lua."""
        return [self._key(name) for name in ("limits", "limit_parts", "limit_parts_until")]

    def link_key(self, period: int) -> str:
        """Key that holds what signs the links to files that end in this period."""
        return self._key(f"link_key:{period}")

    @cached_property
    def wake(self) -> str:
        """Pub/Sub channel that wakes workers: a job is ready, or an owner has a command.

        No channel of a user has a slash, and a database's number has one alone behind it.
        """
        return f"{self.pubsub}//wake"
