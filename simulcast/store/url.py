"""The parts of REDIS_URL: one server, the master that Sentinels name, or a cluster.

redis://[user:password@]host[:port][/db]   also rediss:// (TLS) and unix:///path, as redis-py takes them
redis+sentinel://[user:password@]host[:26379][,host2[:port]…]/master[/db]   also rediss+sentinel://
redis+cluster://[user:password@]host[:6379][,host2[:port]…]   also rediss+cluster://

User and password are those of the data servers. `?sentinel_username=` and `?sentinel_password=` are for the Sentinels,
`?namespace=` is for the names in Redis; the other options of the query (OPTIONS) are redis-py's, for each connection.
The grammar is that of redis-sentinel-url.
"""

import difflib
import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode

from simulcast.model.channel import DEFAULT_NAMESPACE, NAMESPACE_PATTERN, name_prefix
from simulcast.model.ip_address import join_port, parse_ip_address

FORMS = (
    "redis://localhost:6379/0, rediss://…, unix:///path, redis+sentinel://host:26379,host2:26379/master/0 "
    "or redis+cluster://host:6379,host2:6379"
)
OPTIONS = (
    "db",
    "username",
    "password",
    "client_name",
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_cert_reqs",
    "ssl_check_hostname",
    "sentinel_username",
    "sentinel_password",
    "namespace",
)  # without redis-py's that would undo the deadlines, the protocol or the bytes that this library relies on
_PORTS = {"sentinel": 26379, "cluster": 6379}
_FOR_SENTINELS = "sentinel_"
_VALUES = {"ssl_cert_reqs": ("none", "optional", "required"), "ssl_check_hostname": ("true", "false")}
_HOSTS = re.compile(
    r"(?:\[[0-9a-fA-F:.]*\]|[^:\[\]]|(?<=[^,:]):\d{1,5}(?=[,/]|$))*", re.DOTALL
)  # hosts and ports, up to anything else
_USER_INFO = re.compile(r"(^|://)(?:(?!://).)*@", re.DOTALL)
_NO_PORT = re.compile(r"(://[^/:\[\]]*:)(?!\d{1,5}(?:[/?#,'\s]|$)).*", re.DOTALL)  # a password that a comma cut off

Kind = Literal["server", "sentinel", "cluster"]
Server = tuple[str, int]  # host, port


def redacted_url(url: str) -> str:
    """Return the URL without user name, password and query: fit to be printed, even if it is malformed."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    location = re.split("[?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    match = _HOSTS.match(location)
    hosts = match.group() if match else ""
    return scheme + separator + hosts + "…" * (hosts != location)


def without_user_info(text: str) -> str:
    """Return the text, of URLs or none, without user names and passwords, even where these are malformed."""
    return _NO_PORT.sub(r"\1…", _USER_INFO.sub(r"\1", text))


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed URL. `members`: the servers that answer discovery, none for one server; `master`: its name there.

    `url`: without the namespace. `prefix`: the beginning of all names.
    """

    kind: Kind
    url: str = field(repr=False)
    prefix: str = name_prefix()
    members: tuple[Server, ...] = ()
    master: str = ""
    _scheme: str = ""
    _user: str = field(default="", repr=False)
    _db: str = ""
    _options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def url_for(self, server: Server) -> str:
        """Return the URL of one data server."""
        options = urlencode([(name, text) for name, text in self._options if not name.startswith(_FOR_SENTINELS)])
        return f"{self._scheme}://{self._user}{join_port(*server)}/{self._db}?{options}"

    def sentinel_url_for(self, server: Server) -> str:
        """Return the URL of one Sentinel."""
        options = dict(self._options)
        user, password = (quote(options.get(_FOR_SENTINELS + name, ""), "") for name in ("username", "password"))
        credentials = f"{user}:{password}@" if user or password else ""
        tls = [(name, text) for name, text in self._options if name.startswith("ssl_")]
        return f"{self._scheme}://{credentials}{join_port(*server)}?{urlencode(tls)}"


def parse(url: str) -> Address:
    """Parse a URL. Raises ValueError, which shows it without its password, for one of no known form."""
    scheme, separator, rest = url.partition("://")
    scheme, _, kind_name = scheme.lower().partition("+")
    if not separator or scheme not in ("redis", "rediss", "unix"):
        raise _invalid(url, "its scheme is none of these")
    if kind_name and (kind_name not in _PORTS or scheme == "unix"):
        raise _invalid(url, "its scheme is none of these")
    if not url.isprintable() or " " in url or (scheme != "unix" and re.search("[/?#].*@", rest)):
        raise _invalid(url, "its user name or password has one of / ? # @ or a space in it: percent-encode that")
    rest, _, query = rest.partition("?")
    options = _options(query, url, scheme, kind_name)
    namespace = dict(options).get("namespace", DEFAULT_NAMESPACE)
    if re.fullmatch(NAMESPACE_PATTERN, namespace, re.ASCII) is None:
        raise _invalid(url, "the namespace is 1 to 50 of A-Z a-z 0-9 _ . -")
    options = tuple((name, value) for name, value in options if name != "namespace")
    location, _, path = rest.partition("/")
    user, at, hosts = location.rpartition("@")
    if not kind_name:
        db = ""
        if scheme == "unix":
            if hosts or not path:
                raise _invalid(url, "the path of its socket is missing, or has a host in front")
        else:
            _server(hosts or "localhost", 6379, url)
            db = _check_database(path.strip("/"), url)
        db = _one_database(db, options, url)
        bare = url.partition("?")[0] + ("?" + urlencode(options) if options else "")
        return Address("server", bare, name_prefix(namespace, int(db)))
    kind: Kind = "sentinel" if kind_name == "sentinel" else "cluster"
    members = tuple(_server(host, _PORTS[kind], url) for host in hosts.split(",") if host)
    if not members:
        raise _invalid(url, "it names no host")
    master, db = "", path.strip("/")
    if kind == "sentinel":
        master, _, db = db.partition("/")
        if not master:
            raise _invalid(url, "the name of the master is missing behind the hosts")
    number = _one_database(_check_database(db, url), options, url)
    if kind == "cluster" and int(number):
        raise _invalid(url, "a cluster has no databases but 0")
    return Address(
        kind, url, name_prefix(namespace, int(number)), members, master, scheme, user + at, db or "0", options
    )


def validate(url: str) -> str:
    """Return the URL as it is; "" for none. Raises as `parse`."""
    if url:
        parse(url)
    return url


def _options(query: str, url: str, scheme: str, kind_name: str) -> tuple[tuple[str, str], ...]:
    options = tuple(parse_qsl(query, keep_blank_values=True))
    if len(dict(options)) < len(options):
        raise _invalid(url, "one of its options is there twice")
    for name, value in options:
        if name not in OPTIONS:
            near = difflib.get_close_matches(name, OPTIONS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(OPTIONS)}"
            option = f" {name}" if re.fullmatch("[a-z_]{2,40}", name) else " of one of its names"
            raise _invalid(url, f"there is no option{option} ({hint})")
        if value not in _VALUES.get(name, (value,)):
            raise _invalid(url, f"{name} is one of {', '.join(_VALUES[name])}")
        if name == "db":
            _check_database(value or "none", url)
        if name == "client_name" and re.fullmatch("[!-~]+", value) is None:
            raise _invalid(url, "client_name is printable ASCII without spaces")
        if name.startswith("ssl_") and scheme != "rediss":
            raise _invalid(url, f"{name} is for TLS: its scheme is then rediss")
        if name.startswith(_FOR_SENTINELS) and kind_name != "sentinel":
            raise _invalid(url, f"{name} is for redis+sentinel://")
    return options


def _one_database(path: str, options: tuple[tuple[str, str], ...], url: str) -> str:
    """Return the number of the database. Raises ValueError where the path and the option db name two."""
    option = dict(options).get("db", "")
    if path and option and int(path) != int(option):
        raise _invalid(url, "its path and the option db name two databases")
    return option or path or "0"


def _check_database(text: str, url: str) -> str:
    if text and not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise _invalid(url, f"the database is a number, not {text[:80]!r}")
    return text


def _server(text: str, default_port: int, url: str) -> Server:
    host, port = text, ""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")) or not isinstance(parse_ip_address(host), IPv6Address):
            raise _invalid(url, "one of its hosts begins with [ and is no IPv6 address")
        port = port[1:]
    elif ":" in text:
        host, _, port = text.partition(":")
    if not host:
        raise _invalid(url, "one of its ports has no host in front")
    if port and not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
        raise _invalid(url, "one of its ports is no number from 1 to 65535")
    return host, int(port or default_port)


def _invalid(url: str, reason: str) -> ValueError:
    return ValueError(f"{redacted_url(url)!r} is no address of a Redis: {reason}. It looks like {FORMS}")
