"""The application with all of its commands, which the import of their modules adds."""

from simulcast.cli import programs, queue, manage, limits, events, webhooks, token, revoke  # noqa: I001 (the order of commands in the help)
from simulcast.cli.commands import app

__all__ = ["app", "events", "limits", "manage", "programs", "queue", "revoke", "token", "webhooks"]
