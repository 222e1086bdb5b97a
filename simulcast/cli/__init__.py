"""The command line: `simulcast`, or `python -m simulcast.cli`."""

import sys
from collections.abc import Callable

import typer

from simulcast.cli import manage, revoke, token
from simulcast.cli.app import app
from simulcast.errors import SimulcastError

__all__ = ["app", "main", "manage", "revoke", "token"]  # the import of a module adds its commands


def main(run: Callable[[], object] = app) -> None:
    """Run the command line; an error that is meant for the user becomes one or two lines and exit code 1."""
    try:
        run()
    except SimulcastError as error:
        typer.echo(f"simulcast: {error}", err=True)
        sys.exit(1)
