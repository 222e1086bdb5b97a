"""A URL as it is requested: byte for byte as given where that is legal, percent-encoded where it is not. No I/O.

The authority is read strictly and written anew for libcurl, so that both parsers agree on the host that is reached.
"""

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import unquote

from workers.errors import InvalidURL

DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 990, "sftp": 22, "socks5": 1080, "socks5h": 1080}
WEB = frozenset({"http", "https"})
PROXIES = WEB | {"socks5", "socks5h"}

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^/?#]*)@)?([^/?#@]*)([^#]*)(?:#.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[^\[\]:]+)(?::(0*[0-9]{0,5}))?", re.ASCII)
_NOT_IN_HOSTS = re.compile(r"[\x00-\x20\x7f\\%<>^`{|}\"/?#@:\[\]]")
_DOTS = re.compile(r"[.\u3002\uff0e\uff61]")  # RFC 3490 §3.1
_KEPT = frozenset("ßς\u200c\u200d")  # as IDNA 2008 has them: that of 2003, as Python's, makes another host of them
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ILLEGAL = re.compile(rb"[^\x21-\x7e]")
_SLASHES = re.compile(r"(https?):/{1,3}(?=[^/])", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class URL:
    """`host` in ASCII, an IPv6 address with its brackets. `target`: path and query, as in the request.

    `user` and `password` are decoded; neither is part of `str`.
    """

    scheme: str
    host: str
    port: int
    target: str
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str, schemes: Collection[str] = WEB) -> Self:
        """Raises InvalidURL, without the text, for one of another scheme than `schemes` or without a host."""
        match = _URL.fullmatch(text.lstrip("\x00\t\n\r "))
        scheme = (match[1] if match else text.partition(":")[0]).lower()
        if scheme not in schemes:
            shown = scheme[:20] if match and scheme else "one without a scheme"
            raise InvalidURL(f"only {' and '.join(sorted(schemes))} URLs can be downloaded, not {shown}")
        authority = _AUTHORITY.fullmatch(match[3]) if match else None
        if match is None or authority is None:
            raise InvalidURL("the URL is not a valid one")
        host, port = _ascii_host(authority[1]), int(authority[2] or DEFAULT_PORTS[scheme])
        if not 0 < port < 65536:
            raise InvalidURL("the URL is not a valid one")
        user, _, password = (unquote(part) for part in _encode(match[2] or "").partition(":"))
        if _CONTROL.search(user + password):  # RFC 7617 §2
            raise InvalidURL("the URL is not a valid one")
        target = match[4] if match[4].startswith("/") else f"/{match[4]}"
        return cls(scheme, host, port, _encode(target), user if match[2] else None, password)

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: where secrets that were given for this URL may go."""
        return self.scheme, self.host, self.port

    @property
    def path(self) -> str:
        """The path, percent-encoded as in the URL."""
        return self.target.partition("?")[0]

    @property
    def address(self) -> str | None:
        """The address that the host spells, in any of the spellings that resolvers take; None for a name."""
        if f".{self.host.rstrip('.')}".endswith(".localhost"):
            return "127.0.0.1"
        try:
            return str(ipaddress.ip_address(self.host.strip("[]")))
        except ValueError:
            pass
        try:
            return socket.inet_ntoa(socket.inet_aton(self.host))
        except (OSError, ValueError):
            return None

    def __str__(self) -> str:
        port = "" if self.port == DEFAULT_PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.target}"

    def join(self, location: str, schemes: Collection[str] = WEB) -> "URL":
        """The URL that a redirect from this one leads to (RFC 3986 §5.2); dots within a path are left alone.

        User and password stay within the origin. Raises InvalidURL, without the text.
        """
        location = _SLASHES.sub(r"\1://", location.strip("\x00\t\n\r "), count=1)
        try:
            if _SCHEME.match(location):
                joined = URL.parse(location, schemes)
            elif location.startswith("//"):
                joined = URL.parse(f"{self.scheme}:{location}", schemes)
            else:
                joined = replace(self, target=_encode(self._resolve(location.partition("#")[0])))
        except InvalidURL:
            raise InvalidURL(f"the server redirects to what is no {' or '.join(sorted(schemes))} URL") from None
        if joined.user is None and joined.origin == self.origin:
            return replace(joined, user=self.user, password=self.password)
        return joined

    def _resolve(self, reference: str) -> str:
        if not reference:
            return self.target
        if reference.startswith("/"):
            return reference
        if reference.startswith("?"):
            return self.path + reference
        folder = self.path.rpartition("/")[0]
        while (match := re.match(r"\.{1,2}(?:/|\Z|(?=\?))", reference)) is not None:
            if match[0].startswith(".."):
                folder = folder.rpartition("/")[0]
            reference = reference[match.end() :]
        return f"{folder}/{reference}"


def _ascii_host(host: str) -> str:
    if host.startswith("["):
        return host.lower()
    try:
        ascii_host = host if host.isascii() else ".".join(map(_ascii_label, _DOTS.split(host)))
    except UnicodeError:
        raise InvalidURL("the URL is not a valid one") from None
    if not ascii_host or len(ascii_host) > 255 or _NOT_IN_HOSTS.search(ascii_host):
        raise InvalidURL("the URL is not a valid one")
    return ascii_host.lower()


def _ascii_label(label: str) -> str:
    """Raises UnicodeError for a label that has no ASCII form."""
    text = unicodedata.normalize("NFKC", "".join(map(str.lower, label)))
    return f"xn--{text.encode('punycode').decode()}" if _KEPT & set(text) else label.encode("idna").decode()


def _encode(target: str) -> str:
    """Bytes of a header that are no UTF-8 come as surrogates, as Python decodes them."""
    try:
        raw = target.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise InvalidURL("the URL is not a valid one") from None
    return _ILLEGAL.sub(lambda match: b"%%%02X" % match[0][0], raw).decode()
