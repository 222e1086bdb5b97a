"""How a file is asked for: whose headers go where, by which proxy, and where redirects may lead."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from simulcast.model.download_options import DownloadOptions
from simulcast.model.job_record import redact_url
from workers.errors import InvalidURL, ProxyNotAllowed, TooManyRedirects
from workers.http.address_filter import AddressRefused, Networks, refusal

MAX_REDIRECTS = 5

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HARMLESS = frozenset({"user-agent", "accept", "accept-language"})  # no secrets: they go wherever a redirect leads


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """`headers` are for the URL's own origin only: a redirect to another one is followed without them, for good.

    `proxy` may have a user name and a password; `allow`: the networks beside the public ones that may be reached.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxy: URL | None = field(default=None, repr=False)
    allow: Networks = ()

    @classmethod
    def of(cls, options: DownloadOptions, proxies: tuple[str, ...], allow: Networks) -> "RequestOptions":
        """Raises ProxyNotAllowed for a proxy whose origin isn't among `proxies`."""
        headers = {name: value.get_secret_value() for name, value in options.headers.items()}
        if options.bearer is not None:
            headers["Authorization"] = f"Bearer {options.bearer.get_secret_value()}"
        if options.basic is not None:
            headers["Authorization"] = _basic(options.basic.user, options.basic.password.get_secret_value())
        if options.proxy is None:
            return cls(headers, None, allow)
        proxy = URL(options.proxy.get_secret_value())
        if proxy.origin() not in [URL(each).origin() for each in proxies]:
            raise ProxyNotAllowed(redact_url(str(proxy)))
        return cls(headers, proxy, allow)

    @asynccontextmanager
    async def open(
        self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer behind at most MAX_REDIRECTS redirects; `headers` are sent everywhere.

        Raises TooManyRedirects, UnusableUrl, AddressRefused and what aiohttp raises.
        """
        target, home = _parsed(url), True
        for _ in range(MAX_REDIRECTS + 1):
            self._judge(target)
            mine = self._for(target, home)
            bare = target.with_user(None)
            async with session.get(
                bare, headers={**mine, **headers}, allow_redirects=False, proxy=self.proxy
            ) as response:
                location = response.headers.get("Location") if response.status in _REDIRECTS else None
                if location is None:
                    yield response
                    return
            following = _joined(target, location)
            home = home and following.origin() == target.origin()
            target = following
        raise TooManyRedirects(MAX_REDIRECTS)

    def _for(self, target: URL, home: bool) -> dict[str, str]:
        """The headers for one step: a name and a password in the URL are those of this URL."""
        mine = {name: value for name, value in self.headers.items() if home or name.lower() in _HARMLESS}
        if target.user is not None and "authorization" not in map(str.lower, mine):
            mine["Authorization"] = _basic(target.user, target.password or "")
        return mine

    def _judge(self, target: URL) -> None:
        """A proxy connects in our place: what can be judged without resolving names is judged here."""
        if self.proxy is None or target.host is None:
            return
        local = target.host == "localhost" or target.host.endswith(".localhost")
        address = "127.0.0.1" if local else target.host
        why = refusal(address, self.allow)
        if why is not None and why != "is not a numeric address":
            raise AddressRefused(address, why)


def _parsed(url: str) -> URL:
    try:
        found = URL(url)
        if not found.raw_host or found.port is None:
            raise ValueError
    except ValueError:
        raise InvalidURL("the URL is not a valid one") from None
    return found


def _joined(target: URL, location: str) -> URL:
    try:
        found = URL(location)
        if found.scheme and not found.raw_host:
            raise ValueError
        following = target.join(found)
        if following.scheme not in ("http", "https") or not following.raw_host:
            raise ValueError
        following.origin()
    except ValueError:
        raise InvalidURL("the server redirects to what is no http or https URL") from None
    # `join` hands the user on within the same server alone; another's is the redirect's own.
    if following.user is None and following.origin() == target.origin():
        return following.with_user(target.user).with_password(target.password) if target.user else following
    return following


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
