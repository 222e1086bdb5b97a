"""The judge of downloads and commands: what was acknowledged against records, files and the events that clients got.

Pure: no I/O, and nothing of what it judges. A submission or a command that was answered `unavailable`, or not at all,
may be in effect or not.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.faults.journal import ENDS, Published, Seen

Answer = Literal["accepted", "invalid_transition", "unknown_download", "unavailable"]
ACTIVE = frozenset({"queued", "running"})
EFFECTS = {"pause": "paused", "resume": "complete", "cancel": "cancelled", "retry": "complete", "delete": "deleted"}
ALLOWED_FROM = {"resume": {"paused"}, "retry": {"cancelled"}, "delete": {"paused", "cancelled", "complete", "error"}}
STATES = frozenset({"queued", "paused", "deleted"}) | ENDS  # named as the event that leads to them


@dataclass(frozen=True, slots=True)
class Given:
    """A command and its last answer. `is_repeated`: an earlier answer was missing, so it may have been in effect."""

    action: str
    command_id: str
    via: str
    answer: Answer
    is_repeated: bool = False


@dataclass(slots=True)
class Download:
    """A submission. `download_id`: "" where it was not acknowledged. `digest`: of the file that was served."""

    name: str
    digest: str
    download_id: str = ""
    commands: list[Given] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is once all is quiet: records by id, and the digest of each file in the folder by name."""

    downloads: Sequence[Download]
    records: Mapping[str, Mapping[str, object]]
    files: Mapping[str, str]


@dataclass(slots=True)
class Verdict:
    """How much was played, and what was wrong with it, in words."""

    submitted: int = 0
    complete: int = 0
    accepted: Counter[str] = field(default_factory=Counter)  # by the way in which the command was sent
    downloads: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    @property
    def unplayed(self) -> list[str]:
        """The parts of the load without which the row shows nothing."""
        numbers = {"submitted": self.submitted, "complete": self.complete}
        numbers |= {f"accepted commands by {via}": self.accepted[via] for via in ("rest", "websocket")}
        return [f"nothing played: no {name}" for name, number in numbers.items() if not number]


@dataclass(slots=True)
class _View:
    """One client's. `last`: the newest state event of each download; `ends`: the different ones of an attempt."""

    last: dict[str, Seen] = field(default_factory=dict)
    ends: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)  # ident → the command that it overtook


class Witnesses:
    """The clients, and the state events of downloads with a record that each one received."""

    def __init__(self, clients: Iterable[str]) -> None:
        self._views = {client: _View() for client in clients}
        self._events: dict[str, Seen] = {}  # by ident, as the first client received them
        self._positions: dict[str, set[str]] = defaultdict(set)  # by ident
        self.overtaken: set[tuple[str, str, str]] = set()  # download_id, command, command_id

    def add(self, client: str, seen: Seen) -> None:
        """Add a line of the client's journal."""
        if "/" not in seen.ident:
            return
        view = self._views[client]
        view.last[seen.key] = seen
        if seen.event in ENDS:
            view.ends.setdefault((seen.key, seen.attempt), {})[seen.ident] = seen.overtaken
        self._positions[seen.ident].add(seen.event_id)
        if seen.ident not in self._events or seen.at < self._events[seen.ident].at:
            self._events[seen.ident] = seen
        if seen.overtaken:
            self.overtaken.add((seen.key, seen.overtaken, seen.command_id))

    def disagreements(self, download_id: str, state: str, may_repeat: bool) -> Iterable[str]:
        """Name the clients that received another state last, or, unless it `may_repeat`, several ends of one attempt.

        After a failover, an end that overtook a command may follow the event of that command.
        """
        for client, view in self._views.items():
            last = view.last.get(download_id)
            event = last.event if last else "deleted"  # where it received nothing, the checker decides
            if (event if event in STATES else "running") != state:
                yield f"{client} received {last and event} of {download_id}, which is {state}"
            for (key, _), ends in view.ends.items():
                if key == download_id and list(ends.values())[1:].count("") > may_repeat:
                    yield f"{client} received several ends of one attempt: {', '.join(ends)}"

    def events(self) -> Iterable[Published]:
        """Return what workers and front-ends published, as far as a client received it: it is due to the others too."""
        newest: dict[str, Seen] = {}
        for seen in self._events.values():
            newest[seen.key] = max(newest.get(seen.key, seen), seen, key=lambda event: (event.attempt, event.number))
        for ident, seen in self._events.items():
            is_end = newest[seen.key] is seen and seen.event in {*ENDS, "deleted"}
            yield Published(ident, seen.key, "state", is_end, -1, seen.at, "unknown", sorted(self._positions[ident]))


def judge(evidence: Evidence, witnesses: Witnesses) -> Verdict:
    """Judge each download that was acknowledged, each accepted command, and the files."""
    verdict = Verdict()
    for download in evidence.downloads:
        verdict.accepted.update(given.via for given in download.commands if given.answer == "accepted")
        if not download.download_id:
            continue
        verdict.submitted += 1
        record = evidence.records.get(download.download_id)
        state = str(record["state"]) if record else "deleted"
        verdict.complete += state == "complete"
        verdict.commands += _commands_wrong(download, state, evidence, witnesses)
        verdict.downloads += _download_wrong(download, state, evidence)
        may_repeat = any(given.is_repeated for given in download.commands)
        verdict.downloads += witnesses.disagreements(download.download_id, state, may_repeat)
    verdict.downloads += [f"{name} is left in the folder" for name in strays(evidence)]
    return verdict


def _expected(download: Download) -> set[str]:
    """Return the states that the commands allow, if none was overtaken."""
    states = {"complete"}
    for given in download.commands:
        if given.answer == "accepted":
            states = {EFFECTS[given.action]}
        elif given.answer == "unavailable":
            states.add(EFFECTS[given.action])
    return states


def _commands_wrong(download: Download, state: str, evidence: Evidence, witnesses: Witnesses) -> Iterable[str]:
    key = download.download_id
    for given in download.commands[-1:]:
        if given.answer == "invalid_transition" and state in ALLOWED_FROM.get(given.action, ()):
            yield f"{given.action} of {key} was refused though it is {state}"
        if given.answer == "unknown_download":
            yield f"{given.action} of {key} was answered unknown_download"
    accepted = [given for given in download.commands if given.answer == "accepted"]
    if not accepted or state in _expected(download):
        return
    last = accepted[-1]
    if last.action == "delete":
        yield f"{key} is {state}, and its deletion was accepted"
    elif state in ("complete", "error") and (key, last.action, last.command_id) in witnesses.overtaken:
        return
    elif state != "deleted":
        yield f"{key} is {state} after an accepted {last.action}, and no event says that it was overtaken"


def _download_wrong(download: Download, state: str, evidence: Evidence) -> Iterable[str]:
    key, expected = download.download_id, _expected(download)
    if state == "deleted":
        if "deleted" not in expected:
            yield f"{key} was acknowledged, and there is no record"
    elif state in ACTIVE or state == "error":
        yield f"{key} is {state}: {evidence.records[key].get('error_message')}"
    elif state == "complete":
        name = Path(str(evidence.records[key]["file_path"])).name
        if evidence.files.get(name) != download.digest:
            yield f"{name} of {key} {'is another file' if name in evidence.files else 'is missing'}"


def strays(evidence: Evidence) -> list[str]:
    """Return the names of files that belong to no complete download, and of part files to none that goes on.

    A pause may come between the moment at which the whole file gets its name, and the report of it.
    """
    resumable = {key for key, record in evidence.records.items() if record["state"] in {"paused", "error", *ACTIVE}}
    named = {
        Path(str(record["file_path"])).name for record in evidence.records.values() if record["state"] == "complete"
    } | {
        download.name
        for download in evidence.downloads
        if download.download_id in resumable and evidence.files.get(download.name) == download.digest
    }
    parts: Counter[str] = Counter()
    wrong = []
    for name in sorted(evidence.files.keys() - named):
        key, is_part, _ = name.partition(".part.")
        parts[key] += 1
        if not is_part or key not in resumable or parts[key] > 1:
            wrong.append(name)
    return wrong
