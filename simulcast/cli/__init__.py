"""The command line: `simulcast`, or `python -m simulcast.cli`."""

import sys
from collections.abc import Sequence

from simulcast.errors import SimulcastError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default with the arguments of this process.

    An error that is meant for the user becomes one or two lines, or one of JSON, and an exit code
    (`simulcast.cli.errors`).
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    flags = arguments[: arguments.index("--")] if "--" in arguments else arguments
    try:
        code = _run(arguments, as_json="--json" in flags)
    except KeyboardInterrupt:  # during the imports
        code = 130
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("simulcast", "app", "workers"):
            raise
        extra = "cli" if package in ("typer", "rich", "pydantic", "pydantic_core") else "server"
        text = f"simulcast: this needs the package {package}: pip install 'simulcast[{extra}]'"
        if extra == "server":
            text += ", or name a service elsewhere with --url"
        sys.stderr.write(f"{text}\n")
        code = 1
    sys.exit(code)


def _run(arguments: Sequence[str], *, as_json: bool) -> int:
    from typer import TyperException, echo

    from simulcast.cli.app import app
    from simulcast.cli.errors import FAILED, error_json, exit_code
    from simulcast.logs import discard_lost_output

    try:
        return app(arguments, prog_name="simulcast", standalone_mode=not as_json) or 0
    except TyperException as error:
        echo(error_json(error.exit_code, error.format_message()), err=True)
        return error.exit_code
    except SimulcastError as error:
        code = exit_code(error)
        echo(error_json(code, str(error)) if as_json else f"simulcast: {error}", err=True)
        return code
    except OSError as error:  # of standard output, as on a full disk: commands explain all others
        text = f"it was cut short: {error.strerror or error}"
        echo(error_json(FAILED, text) if as_json else f"simulcast: {text}", err=True)
        discard_lost_output()
        return FAILED
