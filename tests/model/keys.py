"""All keys in Redis: each belongs to a record, or is a fixed one of the channel, or has an end."""

import re
from collections.abc import Iterator
from typing import cast

import redis

from tests.model.stage import CHANNEL, Stage

PREFIX = f"{{simulcast:{CHANNEL}}}:"
FIXED = {
    "links",
    "meta",
    "history",
    "latest",
    "touched",
    "ended",
    "ended_at",
    "jobs",
    "ready",
    "leases",
    "done",
    "totals",
    *(f"own_{name}" for name in ("jobs", "queued", "leases", "done")),
    *(f"{jobs}_by_{order}" for jobs in ("jobs", "own_jobs") for order in ("creation", "change")),
}
EXPIRING = re.compile(
    r"(processes|processes_until|gone:.*|cleared|orphaned_files:.*|dedup:.*|deadlines|answers|answers_begun|revoked|"
    r"revoked_version|limits|limit_parts|limit_parts_until|ends|webhook_.*)"
)
MAX_HISTORY = 200_000
STATES = ["queued", "running", "paused", "complete", "error", "cancelled"]  # as lua/job_index.lua
STATE_BASE = 10**13


def records(client: redis.Redis) -> dict[str, dict[str, str]]:
    """Return all records by id."""
    found: dict[str, dict[str, str]] = {}
    for key in client.scan_iter(f"{PREFIX}job:*", 1000):
        name = _text(key).removeprefix(f"{PREFIX}job:")
        found[name] = {_text(field): _text(value) for field, value in client.hgetall(key).items()}
    return found


def _text(reply: object) -> str:
    assert isinstance(reply, bytes)
    return reply.decode()


def complaints(stage: Stage) -> Iterator[str]:
    """Compare every key with the records, while no download runs."""
    with stage.serving().admin() as client:
        known = records(client)
        for key in client.scan_iter(count=1000):
            name = _text(key).removeprefix(PREFIX)
            if EXPIRING.fullmatch(name):
                if client.ttl(key) == -1:
                    yield f"the key {name} has no end"
            elif name not in FIXED and name.removeprefix("job:") not in known:
                yield f"the key {name} belongs to no record"
        yield from _index_complaints(client, known)
    for other in stage.other_masters():
        with other.admin() as client:
            if client.dbsize():
                yield f"another master holds {client.keys()}"


def _index_complaints(client: redis.Redis, known: dict[str, dict[str, str]]) -> Iterator[str]:
    ended = {key for key, record in known.items() if record["state"] in ("complete", "error", "cancelled")}
    own = {key for key, record in known.items() if record.get("family") == "job"}
    expected = {"jobs": set(known) - own, "done": ended - own, "leases": set[str](), "ready": set[str]()}
    queued = {key for key in own if known[key]["state"] == "queued"}
    expected |= {"own_jobs": own, "own_done": ended & own, "own_leases": set[str](), "own_queued": queued}
    expected["touched"] = set(known) - ended
    for name, ids in expected.items():
        members = {_text(member) for member in client.zrange(PREFIX + name, 0, -1)}
        if members != ids:
            yield f"{name} lacks {sorted(ids - members)} and has {sorted(members - ids)} too many"
    yield from _list_complaints(client, known)
    links = {_text(reply) for reply in client.hvals(PREFIX + "links")} - known.keys()
    if links:
        yield f"links names {sorted(links)}, which have no record"
    latest = {_text(member)[2:] for member in client.hkeys(PREFIX + "latest")}
    if latest != set(known) - ended:
        yield f"latest differs from the active records by {sorted(latest ^ (set(known) - ended))}"
    scored = {_text(member) for member in client.zrange(PREFIX + "ended_at", 0, -1)}
    told = {_text(member) for member in client.hkeys(PREFIX + "ended")}
    if scored != told:
        yield f"ended and ended_at differ by {sorted(scored ^ told)}"
    if client.xlen(PREFIX + "history") > MAX_HISTORY:
        yield "the history is not trimmed"


def _list_complaints(client: redis.Redis, known: dict[str, dict[str, str]]) -> Iterator[str]:
    """Compare the index of lists with the records: no older release took part."""
    for jobs, is_own in (("jobs", False), ("own_jobs", True)):
        for order, field in (("creation", "created_at"), ("change", "change")):
            expected = {
                key: STATES.index(record["state"]) * STATE_BASE + int(record[field])
                for key, record in known.items()
                if (record.get("family") == "job") == is_own
            }
            scored = cast(
                list[tuple[bytes, float]], client.zrange(f"{PREFIX}{jobs}_by_{order}", 0, -1, withscores=True)
            )
            if (found := {_text(member): int(score) for member, score in scored}) != expected:
                yield f"{jobs}_by_{order} is {found} in place of {expected}"
