"""A file that comes slowly, and options that fetch it over several connections."""

import random

from tests.fetching import Terms, terms
from tests.scripted_server import Reply, ranged
from workers.http.host_limits import HostLimits

CONTENT = random.Random(10).randbytes(2_000_000)


def slow(content: bytes = CONTENT, etag: str = '"v1"', cut_after: int | None = None) -> Reply:
    return ranged(content, etag, piece=8_192, pause_s=0.005, cut_after=cut_after)


def fetch_options(connections: int = 4, most: int = 99, **more: object) -> Terms:
    return terms(connections=connections, hosts=HostLimits(99, most), **more)
