"""The class of the routes of commands: each request is a line in the audit log, with its outcome."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from simulcast.errors import BrokerUnavailable
from simulcast.frontend.audit import log_command
from simulcast.frontend.subscriptions.address import address_key


class AuditedRoute(APIRoute):
    """`APIRouter(route_class=AuditedRoute)`. A command has the name that it has over a WebSocket."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler of the route, in which its dependencies refuse requests, too."""
        handle = super().get_route_handler()

        async def handle_and_log(request: Request) -> Response:
            try:
                response = await handle(request)
            except Exception as error:
                self._log(request, f"rejected: {_reason(error)}")
                raise
            self._log(request, "accepted", response.headers.get("location", "").rpartition("/")[2])
            return response

        return handle_and_log

    def _log(self, request: Request, outcome: str, added: str = "") -> None:
        parameters, state = request.path_params, request.state
        name = self.name.replace("command_download", f"{parameters.get('action', '')}_download")
        command = getattr(state, "command", name)
        target = parameters.get("download_id") or parameters.get("job_id") or str(getattr(state, "target", added))
        address = address_key(request.client and request.client.host)
        log_command(command, target, outcome, user=getattr(state, "user", ""), address=address)


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPException):
        return str(error.detail)
    return str(error) if isinstance(error, BrokerUnavailable) else type(error).__name__
