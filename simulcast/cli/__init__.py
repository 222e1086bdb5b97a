"""The command line: `simulcast`, or `python -m simulcast.cli`."""

import sys
from collections.abc import Callable

import typer

from simulcast.cli import operating, token, wishes
from simulcast.cli.app import app
from simulcast.errors import SimulcastError

__all__ = ["app", "main", "operating", "token", "wishes"]  # importing them adds their commands


def main(run: Callable[[], object] = app) -> None:
    """The entry point: errors that are meant for the user are one or two lines, and exit code 1."""
    try:
        run()
    except SimulcastError as error:
        typer.echo(f"simulcast: {error}", err=True)
        sys.exit(1)
