"""What the record says of a part file is what a successor reads, and an older one never takes spans for a beginning."""

import pytest

from workers.http.response import RemoteFile, resume_at
from workers.transfer.resume_state import from_record, to_record

SPLIT = RemoteFile('"v1"', 9, "a.bin", ((0, 3), (5, 9)))


@pytest.mark.parametrize("source", [RemoteFile('"v1"', 9), RemoteFile('"v1"', None), SPLIT])
def test_what_is_noted_is_read_again(source: RemoteFile) -> None:
    assert from_record({"name": source.name, **to_record(source)}) == source


def test_without_a_validator_only_a_file_with_a_checksum_is_continued() -> None:
    assert from_record({}) is None
    source = from_record(to_record(RemoteFile(None, 9)))
    assert (resume_at(5, source), resume_at(5, source, is_verified=True)) == (0, 5)


def test_a_worker_that_knows_nothing_of_spans_starts_over() -> None:
    fields = to_record(SPLIT)
    older = RemoteFile(fields["etag"], int(fields["size"]))  # as such a worker reads them
    assert resume_at(9, older) == 0


@pytest.mark.parametrize("etag", ["", '"v2"'])
def test_spans_of_a_file_that_an_older_worker_made_anew_are_not_believed(etag: str) -> None:
    found = from_record({**to_record(SPLIT), "etag": etag})
    assert found == RemoteFile(etag or None, 9)


@pytest.mark.parametrize(
    "spans", ["", "{", "[]", '{"done": [[0, 3]]}', '{"etag": "x", "done": [[0, 10]]}', '{"etag": "x", "done": 5}']
)
def test_nonsense_is_nothing_to_go_on_with(spans: str) -> None:
    assert from_record({**to_record(SPLIT), "spans": spans}) is None
