"""The client of a worker: libcurl on the event loop, public addresses only, nothing from the environment."""

import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self

import pycurl

from simulcast.curl_tls import tls_options
from workers.errors import AddressRefused, DownloadFailed, InvalidURL
from workers.http.address_filter import Networks, refusal
from workers.http.curl_errors import explain
from workers.http.exchange import Exchange, Response
from workers.http.name_lookup import NameLookup
from workers.http.url import URL, WEB

CONNECT_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 30.0
_MAX_READ_BYTES = (
    128 * 1024
)  # read from a socket by one call of libcurl, which makes up to eleven in one turn of the loop
_MIN_READ_BYTES = 32 * 1024  # where there are many transfers: none is paused within a turn
_IDLE_CONNECTION_S = 60
_DNS_TTL_S = 10
_SUPPRESS_CONNECT_HEADERS = 265  # CURLOPT_SUPPRESS_CONNECT_HEADERS, for which pycurl has no name


@dataclass(frozen=True, slots=True)
class Request:
    """`login`: a user and a password, for a digest challenge and FTP; `headers` carry all others. `body`: of a POST.

    `cookies`: shared by the requests of one download.
    """

    url: URL
    cookies: pycurl.CurlShare
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookie: str = field(default="", repr=False)
    login: tuple[str, str] | None = field(default=None, repr=False)
    proxy: URL | None = field(default=None, repr=False)
    range: str = ""
    body: bytes | None = field(default=None, repr=False)


class Client:
    """Reaches public addresses and `allow`, by `schemes`. Connections are kept and shared by all requests.

    connect_timeout_s bounds the look-up of a name, then TCP and TLS of one connection together; read_timeout_s each
    silence of the server, before the headers too. There is no limit on a download as a whole. To be made inside a
    running loop.
    """

    def __init__(
        self,
        allow: Networks,
        *,
        schemes: Collection[str] = WEB,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        sftp_known_hosts: Path | None = None,
    ) -> None:
        self.allow = allow
        self.schemes = schemes
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._sftp_known_hosts = sftp_known_hosts
        if "sftp" in schemes:  # it takes 15 MB and half a second, and most workers never need it
            import_module("workers.http.sftp")
        self._names = NameLookup(connect_timeout_s)
        self._multi = pycurl.AsyncCurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_NOTHING)  # a paused stream would stop its neighbours

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._multi.aclose()

    async def open(self, request: Request) -> Response:
        """Return the response once its headers are there; the caller closes it, and with it an unfinished transfer.

        Raises AddressRefused, ConnectionFailed, ProtocolError, ReadTimeout and InvalidURL.
        """
        reached = request.proxy or request.url
        addresses = await self._names.resolve(reached.host) if reached.address is None else ()
        start = int(request.range.partition("-")[0]) if request.range else None
        if request.url.scheme == "sftp":
            if request.proxy is not None:
                raise InvalidURL("no proxy is used for SFTP: leave it out")
            file: Response = await import_module("workers.http.sftp").open_sftp(
                request.url,
                addresses or (reached.address or "",),
                self.allow,
                request.login,
                self._sftp_known_hosts,
                self._connect_timeout_s,
                self._read_timeout_s,
                start or 0,
            )
            return file
        easy = pycurl.Curl()
        refused: list[AddressRefused] = []

        def translate(error: pycurl.error) -> DownloadFailed:
            return refused[0] if refused and error.args[0] == pycurl.E_COULDNT_CONNECT else explanation(error)

        explanation = partial(explain, easy=easy, url=request.url, connect_timeout_s=self._connect_timeout_s)
        exchange = Exchange(request.url, easy, translate, self._connect_timeout_s, self._read_timeout_s, start)
        try:
            for option, value in self._options(request).items():
                easy.setopt(option, value)
            if addresses:
                easy.setopt(pycurl.RESOLVE, [f"+{reached.host}:{reached.port}:{','.join(addresses)}"])
            easy.setopt(pycurl.OPENSOCKETFUNCTION, partial(self._open_socket, refused))
            exchange.begin(self._multi)
        except pycurl.error as error:
            raise explanation(error) from None
        try:
            await exchange.wait_head()
        except BaseException:
            exchange.close()
            raise
        return exchange

    def _open_socket(self, refused: list[AddressRefused], purpose: int, target: pycurl.CurlSockAddr) -> object:
        address = str(target.addr[0]) if isinstance(target.addr, tuple) else ""
        reason = refusal(address, self.allow)
        if reason is not None:
            refused.append(AddressRefused(address, reason))
            return pycurl.SOCKET_BAD
        return _Socket(target.family, target.socktype, target.protocol)

    def _options(self, request: Request) -> dict[int, object]:
        is_tunnelled = request.proxy is None or request.proxy.scheme not in WEB or request.url.scheme == "https"
        lines = [f"{name}: {value}" if value else f"{name};" for name, value in request.headers.items()]
        options: dict[int, object] = {
            pycurl.URL: str(request.url),
            pycurl.PATH_AS_IS: 1,
            pycurl.PROTOCOLS: sum(getattr(pycurl, f"PROTO_{scheme.upper()}") for scheme in self.schemes),
            pycurl.HTTPHEADER: [line.encode("latin-1") for line in lines],
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_2TLS,
            pycurl.SHARE: request.cookies,
            pycurl.COOKIEFILE: "",
            pycurl.PROXY: "",
            pycurl.NOPROXY: "",
            pycurl.CONNECTTIMEOUT_MS: round(self._connect_timeout_s * 1000),
            pycurl.FTP_RESPONSE_TIMEOUT: max(1, round(self._read_timeout_s)),
            pycurl.MAXAGE_CONN: _IDLE_CONNECTION_S,
            pycurl.DNS_CACHE_TIMEOUT: _DNS_TTL_S,
            pycurl.BUFFERSIZE: max(_MIN_READ_BYTES, _MAX_READ_BYTES * 4 // max(4, len(self._multi.futures()))),
            pycurl.OPT_FILETIME: 1,
            pycurl.NOSIGNAL: 1,
            _SUPPRESS_CONNECT_HEADERS: 1,
            **_TLS,
        }
        if request.url.scheme in WEB:  # libcurl raises hexadecimals in a URL, and leaves a request's target alone
            options[pycurl.REQUEST_TARGET] = request.url.target if is_tunnelled else str(request.url)
        if request.login is not None:
            user, password = request.login
            options |= {pycurl.USERNAME: user.encode(), pycurl.PASSWORD: password.encode()}
            options[pycurl.HTTPAUTH] = pycurl.HTTPAUTH_DIGEST
        if request.cookie:
            options[pycurl.COOKIE] = request.cookie.encode("latin-1")
        if request.body is not None:
            options[pycurl.POSTFIELDS] = request.body
        if request.range:
            options[pycurl.RANGE] = request.range
        if request.proxy is not None:
            options |= _proxy_options(request.proxy)
        return options


class _Socket(socket.socket):
    """A socket of which pycurl takes a copy, and which ends with its object."""

    def __del__(self) -> None:
        self.close()


def _proxy_options(proxy: URL) -> dict[int, object]:
    # A SOCKS proxy resolves the name: an address that was resolved here would reach it without having been judged.
    scheme = "socks5h" if proxy.scheme == "socks5" else proxy.scheme
    options: dict[int, object] = {pycurl.PROXY: f"{scheme}://{proxy.host}:{proxy.port}"}
    if proxy.user is not None:
        options |= {pycurl.PROXYUSERNAME: proxy.user.encode(), pycurl.PROXYPASSWORD: proxy.password.encode()}
    return options


_TLS = tls_options()
