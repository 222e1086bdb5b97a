"""The benchmark of downloads: what it times is real, and a wrong file would show. It asserts no time."""

from pathlib import Path

import pytest

from benchmarks.downloads import ours
from benchmarks.downloads.cases import Case
from benchmarks.downloads.report import markdown
from benchmarks.downloads.source import Source
from benchmarks.downloads.usage import Usage, run
from tests.tools import program_path


def test_our_worker_brings_every_file_from_nginx_to_the_bit(tmp_path: Path) -> None:
    program_path("nginx", "nginx-light")
    case, into = Case("many", "", 20, 100_000), tmp_path / "into"
    into.mkdir()
    source = Source([case], tmp_path)
    with source.serving():
        usage = ours.download(case, source, into, 1, {"SIMULCAST_MAX_CONCURRENT_DOWNLOADS": "1"})
    source.check(case, into)
    assert sorted(path.name for path in into.iterdir()) == sorted(case.files)
    assert usage.disk_s >= usage.wall_s > 0
    assert usage.peak_bytes > 10_000_000  # no Python is smaller


def test_a_file_that_is_not_the_servers_makes_a_run_void(tmp_path: Path) -> None:
    program_path("nginx", "nginx-light")
    case = Case("many", "", 1, 1000)
    source = Source([case], tmp_path)
    with pytest.raises(RuntimeError, match="many-0 is missing"):
        source.check(case, tmp_path)
    right = (tmp_path / "served/many-0").read_bytes()
    (tmp_path / "many-0").write_bytes(right)
    source.check(case, tmp_path)
    (tmp_path / "many-0").write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    with pytest.raises(RuntimeError, match="many-0 is not what the server has: 1,000 bytes"):
        source.check(case, tmp_path)


def test_a_download_that_fails_makes_a_run_void(tmp_path: Path) -> None:
    program_path("nginx", "nginx-light")
    source, into = Source([Case("many", "", 1, 1000)], tmp_path), tmp_path / "into"
    into.mkdir()
    with source.serving(), pytest.raises(RuntimeError, match=r"many-1: .*404"):
        ours.download(Case("many", "", 2, 1000), source, into, 1, {})


def test_a_program_is_measured_with_its_children_and_must_succeed(tmp_path: Path) -> None:
    spins = "for i in $(seq 20000); do :; done"
    assert run(["sh", "-c", f"sh -c '{spins}'; {spins}"], []).cpu_s > 0
    with pytest.raises(RuntimeError, match="ended with 3: no such file"):
        run(["sh", "-c", "echo no such file; exit 3"], [])


def test_rows_are_compared_with_the_fastest_of_aria2c_and_with_curl() -> None:
    results = {
        "many": {
            "Simulcast": [Usage(2.0, 2.0, 1.0, 50e6), Usage(9.0, 9.0, 1.0, 50e6), Usage(3.0, 3.0, 1.0, 50e6)],
            "aria2c -j4": [Usage(2.0, 2.5, 0.5, 20e6)],
            "aria2c -j16": [Usage(4.0, 4.5, 0.5, 20e6)],
            "curl": [Usage(1.0, 1.5, 0.8, 10e6)],
        }
    }
    page = markdown(results, [Case("many", "A few files", 3, 1)], ["a fact"], {"aria2c": "1"})
    assert "| **Simulcast** | 3.00 | 2.00 – 9.00 | 3.00 | 1.00 | 48 | 1.50 × | 1.25 × |" in page
    assert "| aria2c -j4 | 2.00 | 2.00 – 2.00 | 2.50 | 0.50 | 19 | 1.00 × | 0.62 × |" in page
    assert "| aria2c -j16 | 4.00 | 4.00 – 4.00 | 4.50 | 0.50 | 19 | 2.00 × | 0.62 × |" in page
