"""How much goes on with one server at once."""

from workers.http.host_limits import Hosts


def test_a_server_is_busy_while_it_has_all_its_downloads() -> None:
    hosts = Hosts(downloads=2, connections=9)
    hosts.begin("a")
    assert hosts.busy() == []
    hosts.begin("a")
    hosts.begin("b")
    assert hosts.busy() == ["a"]
    hosts.end("a")
    assert hosts.busy() == []


def test_further_connections_are_given_while_there_are_fewer_than_may_be() -> None:
    hosts = Hosts(downloads=9, connections=3)
    hosts.begin("a")
    assert [hosts.take("a") for _ in range(3)] == [True, True, False]
    hosts.begin("b")
    assert hosts.take("b")
    hosts.release("a")
    assert hosts.take("a")
    hosts.end("a")
    assert hosts.take("a"), "the first connection of a download counts while it runs"
