"""REDIS_URL, taken apart: one server, the master that Sentinels name, or a cluster.

redis://[user:password@]host[:port][/db]   also rediss:// (TLS) and unix:///path, as redis-py takes them
redis+sentinel://[user:password@]host[:26379][,host2[:port]…]/master[/db]   also rediss+sentinel://
redis+cluster://[user:password@]host[:6379][,host2[:port]…]   also rediss+cluster://

User and password are those of the data servers. `?sentinel_username=` and `?sentinel_password=` are for the Sentinels;
every other option of the query is redis-py's, for each connection. The grammar is that of redis-sentinel-url.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

FORMS = (
    "redis://localhost:6379/0, rediss://…, unix:///path, redis+sentinel://host:26379,host2:26379/master/0 "
    "or redis+cluster://host:6379,host2:6379"
)
_PORTS = {"sentinel": 26379, "cluster": 6379}
_FOR_SENTINELS = "sentinel_"

Kind = Literal["server", "sentinel", "cluster"]
Server = tuple[str, int]  # host, port


def redacted_url(url: str) -> str:
    """The address without user name, password and query: fit to be printed, even where it is malformed."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    return scheme + separator + rest.partition("?")[0].rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Address:
    """What `parsed` found. `members`: those to ask who serves, none for one server; `master`: its name there."""

    kind: Kind
    url: str
    members: tuple[Server, ...] = ()
    master: str = ""
    _scheme: str = ""
    _user: str = ""
    _db: str = ""
    _options: tuple[tuple[str, str], ...] = ()

    def of(self, server: Server) -> str:
        """The address of one data server."""
        options = urlencode([each for each in self._options if not each[0].startswith(_FOR_SENTINELS)])
        return f"{self._scheme}://{self._user}{_place(server)}/{self._db}?{options}"

    def of_sentinel(self, server: Server) -> str:
        """The address of one Sentinel."""
        for_them = [(name, text) for name, text in self._options if name.startswith(_FOR_SENTINELS)]
        own = {name.removeprefix(_FOR_SENTINELS): text for name, text in for_them}
        user = f"{quote(own.pop('username', ''), '')}:{quote(own.pop('password', ''), '')}@"
        tls = [each for each in self._options if each[0].startswith("ssl_")]
        return f"{self._scheme}://{user if user != ':@' else ''}{_place(server)}?{urlencode([*tls, *own.items()])}"


def parse(url: str) -> Address:
    """Raises ValueError, which names the address without its password, for one of no known form."""
    scheme, separator, rest = url.partition("://")
    scheme, _, how = scheme.lower().partition("+")
    if not separator or scheme not in ("redis", "rediss", "unix"):
        raise _wrong(url, "its scheme is none of these")
    if not how:
        _check_one(url)
        return Address("server", url)
    if how not in _PORTS or scheme == "unix":
        raise _wrong(url, "its scheme is none of these")
    kind: Kind = "sentinel" if how == "sentinel" else "cluster"
    rest, _, query = rest.partition("?")
    place, _, path = rest.partition("/")
    user, at, hosts = place.rpartition("@")
    members = tuple(_server(host, _PORTS[kind], url) for host in hosts.split(",") if host)
    if not members:
        raise _wrong(url, "it names no host")
    master, db = "", path.strip("/")
    if kind == "sentinel":
        master, _, db = db.partition("/")
        if not master:
            raise _wrong(url, "the name of the master is missing behind the hosts")
    elif db not in ("", "0"):
        raise _wrong(url, "a cluster has no databases but 0")
    if db and not db.isdecimal():
        raise _wrong(url, f"the database is a number, not {db!r}")
    options = tuple(parse_qsl(query, keep_blank_values=True))
    return Address(kind, url, members, master, scheme, user + at, db or "0", options)


def validate(url: str) -> str:
    """The address as it is; "" for none. Raises as `parsed`."""
    if url:
        parse(url)
    return url


def _check_one(url: str) -> None:
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        raise _wrong(url, str(error)) from error


def _server(text: str, default_port: int, url: str) -> Server:
    host, port = text, ""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise _wrong(url, f"{text!r} is no host")
        port = port[1:]
    elif ":" in text:
        host, _, port = text.partition(":")
    if not host:
        raise _wrong(url, f"{text!r} names no host")
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise _wrong(url, f"{port!r} is no port")
    return host, int(port or default_port)


def _place(server: Server) -> str:
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _wrong(url: str, why: str) -> ValueError:
    return ValueError(f"{redacted_url(url)!r} is no address of a Redis: {why}. It looks like {FORMS}")
