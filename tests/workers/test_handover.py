"""What the record says of a part file is what a successor reads, and an older one never takes spans for a beginning."""

import pytest

from workers.http.response import Source, resume_at
from workers.transfer.resume_state import source_fields, source_of

SPLIT = Source('"v1"', 9, "a.bin", ((0, 3), (5, 9)))


@pytest.mark.parametrize("source", [Source('"v1"', 9), Source('"v1"', None), SPLIT])
def test_what_is_noted_is_read_again(source: Source) -> None:
    assert source_of({"name": source.name, **source_fields(source)}) == source


def test_without_an_etag_there_is_nothing_to_go_on_with() -> None:
    assert source_of({}) is None
    assert source_of(source_fields(Source(None, 9))) is None


def test_a_worker_that_knows_nothing_of_spans_starts_over() -> None:
    fields = source_fields(SPLIT)
    older = Source(fields["etag"], int(fields["size"]))  # as such a worker reads them
    assert resume_at(9, older) == 0


@pytest.mark.parametrize("etag", ["", '"v2"'])
def test_spans_of_a_file_that_an_older_worker_made_anew_are_not_believed(etag: str) -> None:
    found = source_of({**source_fields(SPLIT), "etag": etag})
    assert found == (Source(etag, 9) if etag else None)


@pytest.mark.parametrize(
    "spans", ["", "{", "[]", '{"done": [[0, 3]]}', '{"etag": "x", "done": [[0, 10]]}', '{"etag": "x", "done": 5}']
)
def test_nonsense_is_nothing_to_go_on_with(spans: str) -> None:
    assert source_of({**source_fields(SPLIT), "spans": spans}) is None
