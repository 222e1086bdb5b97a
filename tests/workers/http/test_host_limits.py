"""How much goes on with one server at once."""

from workers.http.host_limits import HostLimits


def test_a_server_is_busy_while_it_has_all_its_downloads() -> None:
    hosts = HostLimits(downloads=2, connections=9)
    hosts.begin("a")
    assert hosts.saturated_hosts() == []
    hosts.begin("a")
    hosts.begin("b")
    assert hosts.saturated_hosts() == ["a"]
    hosts.end("a")
    assert hosts.saturated_hosts() == []


def test_further_connections_are_given_while_there_are_fewer_than_may_be() -> None:
    hosts = HostLimits(downloads=9, connections=3)
    hosts.begin("a")
    assert [hosts.take("a") for _ in range(3)] == [True, True, False]
    hosts.begin("b")
    assert hosts.take("b")
    hosts.release("a")
    assert hosts.take("a")
    hosts.end("a")
    assert hosts.take("a"), "the first connection of a download counts while it runs"
