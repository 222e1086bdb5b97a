"""How a file is requested: whose headers go where, by which proxy, and where redirects may lead."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import pycurl

from simulcast.model.download_options import DownloadOptions
from workers.errors import AddressRefused, DownloadFailed, InvalidURL, ProxyError, ProxyNotAllowed, TooManyRedirects
from workers.http.address_filter import refusal
from workers.http.client import Client, Request
from workers.http.exchange import Response
from workers.http.url import PROXIES, URL

MAX_REDIRECTS = 20
MAX_DISCARDED_BYTES = 64 * 1024  # of a redirect's own body, read so that its connection can be used again

_REDIRECTS = frozenset({300, 301, 302, 303, 307, 308})
_HARMLESS = frozenset({"user-agent", "accept", "accept-language"})  # no secrets: they go wherever a redirect leads


class FileRequest:
    """The requests for one file: its headers and secrets, its cookies, its proxy, and where it was found last.

    The headers are for the URL's own origin only: a redirect to another one is followed without them, for good.
    """

    def __init__(self, client: Client, url: str, options: DownloadOptions, proxies: tuple[str, ...] = ()) -> None:
        """Raises InvalidURL, and ProxyNotAllowed for a proxy whose origin isn't among `proxies`."""
        self._client = client
        self._home = URL.parse(url, client.schemes)
        self._proxy = _allowed_proxy(options, proxies)
        self._cookies = pycurl.CurlShare()
        self._cookies.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_COOKIE)
        self._headers = {name: value.get_secret_value() for name, value in options.headers.items()}
        self._login = (self._home.user, self._home.password) if self._home.user is not None else None
        if options.bearer is not None:
            self._headers["Authorization"] = f"Bearer {options.bearer.get_secret_value()}"
        if options.basic is not None:
            self._login = (options.basic.user, options.basic.password.get_secret_value())
        self._is_digest = False
        self._mirror: URL | None = None

    @property
    def mirror(self) -> str:
        """The URL behind redirects to another origin, which is asked first from now on while it answers."""
        return "" if self._mirror is None else str(self._mirror)

    @mirror.setter
    def mirror(self, url: str) -> None:
        self._mirror = None
        with suppress(InvalidURL):  # of a worker that may use other schemes
            self._mirror = URL.parse(url, self._client.schemes) if url else None

    @asynccontextmanager
    async def send(self, headers: Mapping[str, str], file_range: str = "") -> AsyncIterator[Response]:
        """Yield the response behind at most MAX_REDIRECTS redirects; `headers` are sent everywhere.

        `file_range`: the first and last byte, "5-" or "5-9"; "" for all. Raises TooManyRedirects, InvalidURL,
        AddressRefused, and as Client.open.
        """
        response = await self._ask_mirror(headers, file_range) or await self._follow(headers, file_range)
        try:
            yield response
        finally:
            response.close()

    async def _ask_mirror(self, headers: Mapping[str, str], file_range: str) -> Response | None:
        if self._mirror is None:
            return None
        with suppress(DownloadFailed):
            response = await self._open(self._mirror, False, headers, file_range)
            if response.status in (200, 206):
                return response
            response.close()
        self._mirror = None
        return None

    async def _follow(self, headers: Mapping[str, str], file_range: str) -> Response:
        url, is_home, followed = self._home, True, 0
        while True:
            response = await self._open(url, is_home, headers, file_range)
            try:
                location = response.headers.get("Location") if response.status in _REDIRECTS else ""
                is_challenge = is_home and self._is_challenge(response)
                if not location and not is_challenge:
                    if response.status in (200, 206) and url.origin != self._home.origin:
                        self._mirror = url
                    return response
                await response.discard(MAX_DISCARDED_BYTES)
            except BaseException:
                response.close()
                raise
            response.close()
            if is_challenge:
                self._is_digest = True
                continue
            followed += 1
            if followed > MAX_REDIRECTS:
                raise TooManyRedirects(MAX_REDIRECTS)
            target = url.join(location, self._client.schemes)
            is_home = is_home and target.origin == url.origin
            url = target

    async def _open(self, url: URL, is_home: bool, headers: Mapping[str, str], file_range: str) -> Response:
        self._check_address(url)
        response = await self._client.open(self._request(url, is_home, headers, file_range))
        if response.status == 407 and self._proxy is not None:
            response.close()
            raise ProxyError(407)
        return response

    def _request(self, url: URL, is_home: bool, headers: Mapping[str, str], file_range: str) -> Request:
        mine = {name: value for name, value in self._headers.items() if is_home or name.lower() in _HARMLESS}
        cookie = "".join(mine.pop(name) for name in list(mine) if name.lower() == "cookie")
        login = self._login if is_home else (url.user, url.password) if url.user is not None else None
        is_answered = self._is_digest or not url.scheme.startswith("http")
        if login is not None and not is_answered and "authorization" not in map(str.lower, mine):
            mine["Authorization"] = basic_authorization(*login)
        names = {name.lower() for name in mine}
        defaults = {"User-Agent": "simulcast", "Accept-Encoding": "identity"}
        mine |= {name: value for name, value in defaults.items() if name.lower() not in names}
        return Request(
            url,
            self._cookies,
            {**mine, **headers},
            cookie,
            login if is_answered else None,
            self._proxy,
            file_range,
        )

    def _is_challenge(self, response: Response) -> bool:
        if response.status != 401 or self._login is None or self._is_digest:
            return False
        return any(field.lower().startswith("digest") for field in response.headers.get_all("WWW-Authenticate"))

    def _check_address(self, url: URL) -> None:
        """Refuse an address that a proxy would connect to in our place; names are the proxy's to resolve."""
        if self._proxy is None or url.address is None:
            return
        reason = refusal(url.address, self._client.allow)
        if reason is not None:
            raise AddressRefused(url.address, reason)


def _allowed_proxy(options: DownloadOptions, proxies: tuple[str, ...]) -> URL | None:
    if options.proxy is None:
        return None
    try:
        proxy = URL.parse(options.proxy.get_secret_value(), PROXIES)
    except InvalidURL:
        raise InvalidURL("the proxy's address is not a valid one") from None
    if proxy.origin not in [URL.parse(allowed, PROXIES).origin for allowed in proxies]:
        raise ProxyNotAllowed(f"{proxy.scheme}://{proxy.host}:{proxy.port}")
    return proxy


def basic_authorization(user: str, password: str) -> str:
    """Return the header `Authorization` for a user and a password (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
