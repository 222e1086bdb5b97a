"""`/ws` on a server of ours: no ASGI stands between the client and the hub, and no task where nothing is awaited."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from simulcast.frontend.audit import log_refusal
from simulcast.frontend.authorization import (
    AUTHENTICATION_TIMEOUT_S,
    NO_TOKEN_REASON,
    Authorize,
    FirstMessageRefused,
    Outcome,
    TokenInFirstMessage,
    admit,
    call_authorize,
    verify_first_message,
)
from simulcast.frontend.client_messages import handle_text
from simulcast.frontend.grant import FULL_ACCESS, Grant
from simulcast.frontend.origins import check_origin
from simulcast.frontend.services import Services
from simulcast.frontend.subscriptions import options
from simulcast.frontend.subscriptions.address import address_key
from simulcast.frontend.subscriptions.options import SubscribeOptions
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.frontend.supervisor import Supervisor
from simulcast.frontend.transport.handshake import Handshake
from simulcast.frontend.transport.websocket import WebSocketConnection
from simulcast.frontend.websocket_endpoint import join
from simulcast.model.close_codes import Reconnect, Refresh, Stop

_MAX_SHARED_TARGET = 512  # bytes, of one whose options are kept for equal ones


@dataclass(frozen=True, slots=True)
class DirectEndpoint:
    """Accepts or refuses handshakes as the routes of the same front-end do."""

    supervisor: Supervisor
    authorize: Authorize | None
    allowed_origins: Collection[str]

    def __call__(self, handshake: Handshake) -> None:
        head = handshake.head
        origin = head.get(b"origin") if b"origin" in head.fields else None
        reason = check_origin(origin, head.get(b"host"), handshake.scheme, self.allowed_origins)
        if reason is not None:
            self._open(handshake, HTTPException(403, reason))
        elif self.authorize is None:
            self._open(handshake, FULL_ACCESS)
        else:
            handshake.connection.run(self._authorize_and_open(handshake, self.authorize))

    async def _authorize_and_open(self, handshake: Handshake, authorize: Authorize) -> None:
        self._open(handshake, await call_authorize(authorize, HTTPConnection(handshake.scope())))

    def _wishes(self, handshake: Handshake, grant: Grant) -> SubscribeOptions:
        head, home = handshake.head, grant.channel("", self.supervisor.channel)
        parse = options.parse_shared if len(head.target) <= _MAX_SHARED_TARGET else options.parse
        return parse(head.query, head.subprotocols, home)

    def _open(self, handshake: Handshake, outcome: Outcome) -> None:
        try:
            wanted = self._wishes(handshake, outcome if isinstance(outcome, Grant) else FULL_ACCESS)
            admission = admit(outcome, wanted.channels)
            # No channel is followed for a client that has yet to authenticate.
            channels = wanted.channels if isinstance(admission, Grant) else ()
            services = self.supervisor.started_session(channels)
        except (ValueError, HTTPException) as error:
            _refuse_for(handshake, error)
        else:
            if services is not None:
                self._accept(handshake, services, wanted, admission)
            else:
                handshake.connection.run(self._start_and_accept(handshake, wanted, admission))

    async def _start_and_accept(
        self, handshake: Handshake, wanted: SubscribeOptions, admission: Grant | TokenInFirstMessage
    ) -> None:
        try:
            services = await self.supervisor.open_session(wanted.channels, address_key(handshake.client))
        except (ValueError, HTTPException) as error:
            _refuse_for(handshake, error)
        else:
            self._accept(handshake, services, wanted, admission)

    def _accept(
        self,
        handshake: Handshake,
        services: Services,
        wanted: SubscribeOptions,
        admission: Grant | TokenInFirstMessage,
    ) -> None:
        if not handshake.accept(options.select_subprotocol(handshake.head.subprotocols)):
            return
        connection = handshake.connection
        if isinstance(admission, Grant):
            client = self._join(handshake, services, wanted, admission)
            if client.follow_now():
                connection.receive(partial(handle_text, client, services))
            else:
                connection.run(_follow(connection, client, services))
        else:
            connection.close_in(AUTHENTICATION_TIMEOUT_S, Stop.BAD_TOKEN, NO_TOKEN_REASON)
            connection.receive(partial(self._authenticate, handshake, services, admission))

    async def _authenticate(
        self, handshake: Handshake, services: Services, decision: TokenInFirstMessage, text: str
    ) -> None:
        connection = handshake.connection
        if connection.close_sent or connection.transport.is_closing():  # the message before this one was refused
            return
        connection.close_in(math.inf, Stop.BAD_TOKEN, "")
        try:
            grant = await verify_first_message(decision, text, lambda grant: self._wishes(handshake, grant).channels)
        except FirstMessageRefused as error:
            connection.close(error.code, error.reason)
        else:
            if not connection.transport.is_closing():
                client = self._join(handshake, services, self._wishes(handshake, grant), grant)
                await _follow(connection, client, services)

    def _join(self, handshake: Handshake, services: Services, wanted: SubscribeOptions, grant: Grant) -> Subscriber:
        connection, address = handshake.connection, address_key(handshake.client)
        client = connection.observer = self.supervisor.join(services, wanted, connection, grant, address)
        if (remaining_s := grant.remaining_s) is not None:
            connection.close_in(remaining_s, Refresh.TOKEN_EXPIRED, "the token has expired")
        return client


def refuse(handshake: Handshake, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
    """Refuse a handshake with the reason."""
    log_refusal(handshake.head.path, status, detail, address_key(handshake.client))
    handshake.refuse(status, detail, headers)


def _refuse_for(handshake: Handshake, error: ValueError | HTTPException) -> None:
    refusal = error if isinstance(error, HTTPException) else HTTPException(400, str(error))
    refuse(handshake, refusal.status_code, refusal.detail, refusal.headers)


async def _follow(connection: WebSocketConnection, client: Subscriber, services: Services) -> None:
    if await join(client):
        connection.receive(partial(handle_text, client, services))
    else:
        connection.close(Reconnect.TRY_AGAIN_LATER, "")
