"""Requests to the REST API of a service, one after the other over one kept connection."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from urllib.parse import unquote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

from simulcast.cli.service.address import ServiceAddress
from simulcast.cli.service.failures import explain_failure, explain_refusal
from simulcast.cli.service.token import check_token, read_token
from simulcast.cli.threads import call_in_thread
from simulcast.errors import CommandError

REQUEST_TIMEOUT_S = 30.0
MAX_RESPONSE_BYTES = 16 * 2**20  # a page of 500 records has at most 3 MiB


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one request."""

    status: int
    headers: HTTPMessage
    body: bytes


class RestClient:
    """Each request carries the token. Every request can be repeated, so one over a stale connection is."""

    def __init__(self, address: ServiceAddress, token: str) -> None:
        """`token`: "" for none; @FILE is read for each request. Raises CommandError."""
        check_token(address, token)
        self._address = address
        self._token = token
        self._connection: HTTPConnection | None = None

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request, and return the answer, whatever its status. Raises CommandError without an answer."""
        target = self._address.base + path + (f"?{urlencode(query, errors='surrogateescape')}" if query else "")
        # A request without a body says, too, that it is JSON: no form of another site could.
        fields = {"Content-Type": "application/json", **(headers or {}), **self._authorization()}
        send = partial(self._send, method, target, body.encode() if body is not None else None, fields)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                return await call_in_thread(send)
        except (OSError, HTTPException, ValueError) as error:  # ValueError: a host that is no name
            self._connection = None
            raise explain_failure(error, str(self._address)) from error

    async def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the body of a successful answer. Raises CommandError for another one."""
        response = await self.request(method, path, query, body, headers)
        self.check(response)
        return response.body

    def check(self, response: Response) -> None:
        """Raise CommandError unless it is a success with JSON."""
        if not 200 <= response.status < 300:
            raise explain_refusal(response.status, response.headers, response.body, str(self._address))
        if response.headers.get_content_type() != "application/json":
            raise CommandError(f"{self._address} is no Simulcast with a REST API: it answers with a page")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _authorization(self) -> dict[str, str]:
        if user_info := self._address.websocket.uri.user_info:
            return {"Authorization": _basic(*user_info)}
        return {"Authorization": f"Bearer {read_token(self._token)}"} if self._token else {}

    def _send(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        is_kept = self._connection is not None
        try:
            return self._send_once(method, target, body, headers)
        except (OSError, HTTPException):
            if not is_kept:
                raise
            return self._send_once(method, target, body, headers)

    def _send_once(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        connection = self._connection or self._connect()
        self._connection = None
        try:
            connection.request(method, target, body, dict(headers))
            answer = connection.getresponse()
            content = answer.read(MAX_RESPONSE_BYTES + 1)
            if len(content) > MAX_RESPONSE_BYTES:
                raise CommandError(f"{self._address} answers with more than {MAX_RESPONSE_BYTES:,} bytes")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return Response(answer.status, answer.headers, content)

    def _connect(self) -> HTTPConnection:
        uri = self._address.websocket.uri
        kind = HTTPSConnection if uri.secure else HTTPConnection
        proxy = getproxies().get("https" if uri.secure else "http", "")
        if not proxy or self._address.websocket.is_this_machine or proxy_bypass(f"{uri.host}:{uri.port}"):
            return kind(uri.host, uri.port, timeout=REQUEST_TIMEOUT_S)
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if not parts.hostname:
            raise ConnectionError("the proxy of the environment has no valid address")
        connection = kind(parts.hostname, parts.port or 80, timeout=REQUEST_TIMEOUT_S)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        connection.set_tunnel(uri.host, uri.port, {"Proxy-Authorization": _basic(user, password)} if user else {})
        return connection


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
