"""Replies to CLUSTER SLOTS, as servers write them that do not know or do not name their own host."""

from hypothesis import given
from hypothesis import strategies as st

from simulcast.store.cluster import Cluster
from simulcast.store.url import Server, parse

ASKED: Server = ("asked.example", 7000)
HOSTS = st.sampled_from([None, b"", b"?", b"10.0.0.1", b"fd00::1", b"name.example"])
ADDRESSES = st.sampled_from(
    [None, [], [b"ip", b"10.0.0.9"], [b"hostname", b"other.example", b"ip", b"10.0.0.9"], [b"hostname", b""], [b"ip"]]
)


@given(st.lists(st.tuples(HOSTS, st.integers(1, 65535), ADDRESSES), min_size=1, max_size=4))
def test_every_member_has_a_host_that_can_be_connected_to(
    members: list[tuple[bytes | None, int, list[bytes] | None]],
) -> None:
    cluster = Cluster(parse("redis+cluster://asked.example:7000"), 1)
    rows = [[host, port] if rest is None else [host, port, b"id", rest] for host, port, rest in members]
    cluster._apply(ASKED, [[0, 16383, *rows]])
    (owner,) = set(cluster._owners)
    assert owner is not None
    host, port, rest = members[0]
    address = b"10.0.0.9" if host == b"?" and rest and b"10.0.0.9" in rest else b"asked.example"
    assert owner == ((host if host and host != b"?" else address).decode(), port)
    assert all(host not in ("", "?") for host, _ in cluster._nodes)
