import errno
import os
import socket

import pytest

from simulcast.errors import CommandError
from simulcast.launcher import sockets as module
from simulcast.launcher.sockets import listen
from tests.ports import has_ipv6

# As in a container: then `listen` is content with IPv4, see below.
needs_ipv6 = pytest.mark.skipif(not (has_ipv6() or os.environ.get("CI")), reason="this machine has no ::1")


def close(sockets: list[socket.socket]) -> None:
    for listener in sockets:
        listener.close()


@needs_ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_listen_shares_one_port_between_both_loopback_addresses(host: str) -> None:
    sockets = listen(host, 0)
    addresses = [listener.getsockname()[:2] for listener in sockets]
    port = addresses[0][1]
    for address in addresses:
        socket.create_connection(address, timeout=5).close()
    close(sockets)
    assert addresses == [("127.0.0.1", port), ("::1", port)] and port != 0


@needs_ipv6
@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_listen_names_a_taken_port_and_the_remedy(family: socket.AddressFamily, address: str) -> None:
    with socket.create_server((address, 0), family=family) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"port {port} of {address} is taken: .*--port"):
            listen("127.0.0.1", port)
        with pytest.raises(CommandError, match=f"port {port} of {address} is taken: .*--port"):
            listen(address, port) if address == "::1" else listen("localhost", port)


@needs_ipv6
def test_listen_leaves_nothing_bound_on_failure() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError):
            listen("127.0.0.1", port)
    close(listen("127.0.0.1", port))


@pytest.mark.parametrize("number", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
def test_listen_needs_no_ipv6(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._bind

    def bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(number, "no IPv6")
        return real(family, address, port)

    monkeypatch.setattr(module, "_bind", bind)
    sockets = listen("127.0.0.1", 0)
    close(sockets)
    assert [listener.family for listener in sockets] == [socket.AF_INET]


def test_listen_binds_another_host() -> None:
    sockets = listen("0.0.0.0", 0)
    host = sockets[0].getsockname()[0]
    close(sockets)
    assert (len(sockets), host) == (1, "0.0.0.0")


@needs_ipv6
def test_listen_everywhere_means_both_families() -> None:
    sockets = listen("::", 0)
    addresses = [listener.getsockname()[:2] for listener in sockets]
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, addresses[0][1]), timeout=5).close()
    close(sockets)
    assert {host for host, _ in addresses} == {"0.0.0.0", "::"}


def test_listen_names_a_host_of_another_machine() -> None:
    with pytest.raises(CommandError, match=r"192\.0\.2\.1 is no address of this machine"):
        listen("192.0.2.1", 0)


def test_listen_names_a_host_that_does_not_exist() -> None:
    with pytest.raises(CommandError, match=r"--host no\.such\.host\.invalid"):
        listen("no.such.host.invalid", 0)
