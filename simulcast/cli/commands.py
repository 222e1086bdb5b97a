"""The application that commands are added to, its help, and the options of commands that use a service.

A command's module is imported when the command runs: `--help` is quick, and `watch` needs nothing of `up`.
"""

import functools
import inspect
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer
from typer.core import TyperArgument, TyperCommand

from simulcast.cli.errors import EXIT_CODES
from simulcast.cli.service.protocol import Service

_Options = ParamSpec("_Options")
_SERVICE = "Service"

app = typer.Typer(
    name="simulcast",
    help="Download files, and broadcast their progress live to every client.\n\n"
    "Start with `simulcast up`, open http://localhost:8080, then try `simulcast demo` or `simulcast add URL` "
    "in a second terminal. `simulcast --install-completion` lets your shell complete commands and options.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RedisUrl = Annotated[
    str,
    typer.Option(
        "--redis-url",
        envvar="REDIS_URL",
        metavar="URL",
        help="Redis ≥ 7 or Valkey ≥ 7.2.",
        show_default="the one of `simulcast up`, else redis://localhost:6379/0",
        rich_help_panel=_SERVICE,
    ),
]
Data = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder with the data of `simulcast up`.",
        rich_help_panel=_SERVICE,
        readable=False,  # it need not be, where another address is given
    ),
]
Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="SIMULCAST_URL",
        metavar="URL",
        help="Address of a service elsewhere, such as https://host/sub: used instead of Redis.",
        rich_help_panel=_SERVICE,
    ),
]
Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="SIMULCAST_TOKEN",
        metavar="TOKEN",
        help="Token for --url, if it requires one; @FILE reads it from a file each time. The list of processes (ps) "
        "shows it to all users of this machine: set the variable instead.",
        rich_help_panel=_SERVICE,
    ),
]
Channel = Annotated[
    str,
    typer.Option(
        metavar="CHANNEL", help="Channel of the downloads and other jobs; without it the token's own, or `downloads`."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON: a document, or a line for each result; errors too.")]


class _Help(TyperCommand):
    """Help without the types of Python: names and texts say more to people."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is None:
                continue
            text = re.sub(r"x>=(\d+)", r"from \1", re.sub(r"(-?\d+)<=x<=(\d+)", r"\1 to \2", record[1]))
            if isinstance(parameter, TyperArgument):
                sections["Arguments"].append((parameter.display_name_raw, text))
            else:
                title = getattr(parameter, "rich_help_panel", None) or "Options"
                sections.setdefault(title, []).append((record[0], text))
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def command(
    *examples: str, name: str | None = None, notes: str = ""
) -> Callable[[Callable[_Options, None]], Callable[_Options, None]]:
    """Add a function to the application. `examples`: whole commands; `notes`: text above them."""
    lines = "\n".join(f"  {example}" for example in examples)
    epilog = f"{notes}\n\n" * bool(notes) + f"\b\n{'Example' if len(examples) == 1 else 'Examples'}:\n{lines}"
    return app.command(name, cls=_Help, epilog=epilog)


@dataclass(frozen=True, slots=True)
class Target:
    """The service that a command uses, and how it prints. `url`: "" for the one of a Redis."""

    url: str
    token: str
    redis_url: str
    data: Path
    as_json: bool

    def __str__(self) -> str:
        """Return the address, without what may be secret in it."""
        from simulcast.store.url import redacted_url

        return redacted_url(self.url or self._redis_url())

    def open(self, channel: str = "") -> AbstractAsyncContextManager[Service]:
        """Open the service, and close it. `channel`: of downloads and jobs. Raises CommandError, SettingRefused."""
        from simulcast.cli.publish import check_channel

        if channel:
            check_channel(channel)
        if self.url:
            from simulcast.cli.service.by_rest import service_by_rest

            return service_by_rest(self.url, self.token, channel)
        from simulcast.cli.service.by_redis import service_by_redis
        from simulcast.model.channel import DEFAULT_CHANNEL

        return service_by_redis(self._redis_url(), channel or DEFAULT_CHANNEL)

    def _redis_url(self) -> str:
        from simulcast.cli.redis import redis_url

        return redis_url(self.redis_url, self.data)


def _target(
    ctx: typer.Context,
    url: Url = "",
    token: Token = "",
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
    as_json: Json = False,
) -> Target:
    """Return the target that the options name. A flag for Redis wins over SIMULCAST_URL."""
    if "COMMANDLINE" in (_source(ctx, "redis_url"), _source(ctx, "data")):
        if _source(ctx, "url") == "COMMANDLINE":
            raise typer.BadParameter("--url names a service elsewhere, whose Redis needs no --redis-url and no --data")
        url = ""
    return Target(url, token, redis_url, data, as_json)


def _source(ctx: typer.Context, name: str) -> str:
    source = ctx.get_parameter_source(name)
    return source.name if source else ""


def service_command(
    *examples: str, name: str | None = None
) -> Callable[[Callable[Concatenate[Target, _Options], None]], Callable[..., None]]:
    """As `command`, for a function whose first parameter is the target: the options for it are added."""
    shared = inspect.signature(_target, eval_str=True).parameters

    def add(function: Callable[Concatenate[Target, _Options], None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(*arguments: Any, **options: Any) -> None:
            target = _target(**{name: options.pop(name) for name in shared})
            function(target, *arguments, **options)

        _, *own = inspect.signature(function, eval_str=True).parameters.values()
        context, *others = shared.values()
        run.__signature__ = inspect.Signature([context, *own, *others])  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in [context, *own, *others]}
        return command(*examples, name=name)(run)

    return add
