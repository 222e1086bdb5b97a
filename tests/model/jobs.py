"""The comparison at rest of jobs of any kind: records, the ends that were acknowledged, and what clients were sent."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.service import FrontEnd

Record = Mapping[str, object]


async def records(front_end: FrontEnd) -> dict[str, Record] | None:
    """Return the records by id, or None where the front-end does not answer. There are few."""
    status, page = await front_end.get("/jobs?limit=500")
    if status != 200:
        return None
    listed = page["jobs"]
    assert isinstance(listed, list)
    return {str(record["job_id"]): record for record in listed}


def complaints(known: Mapping[str, Record], folder: Path, cleared_at: float) -> Iterator[str]:
    """Compare the records with the journals of the programs that run jobs, from that time on."""
    for path in folder.glob("journal-*"):
        for line in path.read_text().splitlines():
            at, job_id, attempt, outcome = line.split()
            if outcome == "lost" or float(at) < cleared_at:
                continue
            record = known.get(job_id)
            if record is None:
                yield f"{job_id} ended as {outcome}, and has no record"
                continue
            expected = int(attempt) + (outcome == "queued")
            reached = int(str(record["attempt"]))
            if reached < expected or (reached == expected and outcome not in ("queued", record["state"])):
                yield f"attempt {attempt} of {job_id} ended as {outcome}, and its record is {record}"
