"""The HTTP client of a worker: plain bytes, no cookies, no proxies from the environment, bounded waits."""

import aiohttp
from aiohttp.abc import AbstractResolver

from workers.http.address_filter import Networks, ReachableOnly, socket_factory

CONNECT_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 30.0
_READ_BUFFER_BYTES = 256 * 1024  # aiohttp stops reading from the socket at twice this
_DNS_TTL_S = 10


def make_session(
    allow_networks: Networks,
    *,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
    resolver: AbstractResolver | None = None,
) -> aiohttp.ClientSession:
    """A session that reaches public addresses and `allow_networks`; the caller closes it.

    connect_timeout_s bounds DNS, TCP and TLS of one connection together; read_timeout_s each silence of the
    server, before the headers too. There is no limit on a download as a whole. `resolver` replaces the
    system's; its answers are judged like the system's. To be called inside a running loop.
    """
    connector = aiohttp.TCPConnector(
        resolver=ReachableOnly(resolver or aiohttp.ThreadedResolver(), allow_networks),
        socket_factory=socket_factory(allow_networks),
        limit=0,
        ttl_dns_cache=_DNS_TTL_S,
    )
    return aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity", "User-Agent": "simulcast"},
        read_bufsize=_READ_BUFFER_BYTES,
        timeout=aiohttp.ClientTimeout(total=None, connect=connect_timeout_s, sock_read=read_timeout_s),
    )
