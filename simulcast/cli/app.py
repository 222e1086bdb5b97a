"""The commands and their flags. `simulcast --help` is enough to get going.

A command's module is imported when the command runs: `--help` is quick, and `watch` needs nothing of `up`.
"""

import asyncio
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="simulcast",
    help="Downloads, and what they are doing, live to everyone who watches.\n\n"
    "Start with `simulcast up`, open http://localhost:8080, then try `simulcast demo` or `simulcast add URL` "
    "in a second terminal.",
    no_args_is_help=True,
    add_completion=False,
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
        show_default="that of `simulcast up`, else redis://localhost:6379/0",
    ),
]
Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder in which `simulcast up` keeps its data.")]
Host = Annotated[
    str, typer.Option("--host", envvar="SIMULCAST_HOST", help="Address to listen on; 0.0.0.0 lets the network in.")
]
OpenToEveryone = Annotated[
    bool,
    typer.Option(
        "--open-to-everyone",
        envvar="SIMULCAST_OPEN_TO_EVERYONE",
        help="Let the network in without tokens: whoever gets here may watch and command.",
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"simulcast {metadata.version('simulcast')}")
        except metadata.PackageNotFoundError:
            typer.echo("simulcast, run from a checkout that is not installed")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog="By environment: SIMULCAST_DOWNLOAD_DIR (./downloads), SIMULCAST_ALLOW_NETWORKS (private networks that "
    "downloads may reach), SIMULCAST_LOG (debug, info, warning, error)."
)
def up(
    host: Host = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="SIMULCAST_PORT", min=0, max=65535, help="Port to listen on; 0 is any free one.")
    ] = 8080,
    front_ends: Annotated[int, typer.Option(min=1, max=256, help="Processes that serve clients.")] = 1,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Processes that download.")] = 1,
    data: Data = Path("data"),
    redis_url: Annotated[
        str,
        typer.Option(
            envvar="REDIS_URL", metavar="URL", help="Use this Redis.", show_default="a Valkey of its own, in --data"
        ),
    ] = "",
    open_to_everyone: OpenToEveryone = False,
    admin_port: Annotated[
        int,
        typer.Option(
            envvar="SIMULCAST_ADMIN_PORT",
            min=0,
            max=65000,
            help="Port for /metrics on 127.0.0.1, of the first front-end; the next ones follow it.",
            show_default="any free ones",
        ),
    ] = 0,
) -> None:
    """Run the whole service here: Valkey, front-ends and workers. Ctrl-C stops it."""
    from simulcast import logs
    from simulcast.cli import up
    from simulcast.settings.front_end import FrontEndSettings
    from simulcast.settings.worker import WorkerSettings

    settings = FrontEndSettings.from_environment(host=host, port=port or 8080, open_to_everyone=open_to_everyone)
    settings.check_host(host)
    logs.configure(settings.log)
    folder = WorkerSettings.from_environment().download_dir
    where = (host, port, front_ends, workers, data, redis_url, folder)
    asyncio.run(up.up(up.Plan(*where, open_to_everyone=open_to_everyone, admin_port=admin_port)))


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="SIMULCAST_PORT", min=1, max=65535, help="Port to listen on.")] = 8080,
    redis_url: RedisUrl = "",
    root_path: Annotated[str, typer.Option(help="Sub path that a proxy in front serves this below, as /x/.")] = "",
    open_to_everyone: OpenToEveryone = False,
    admin_port: Annotated[
        int,
        typer.Option(
            envvar="SIMULCAST_ADMIN_PORT", min=0, max=65535, help="Port for /metrics.", show_default="there is none"
        ),
    ] = 0,
) -> None:
    """Run one front-end."""
    from simulcast.launcher import programs

    flags = ["--open-to-everyone"] if open_to_everyone else []
    flags += ["--admin-port", str(admin_port)] if admin_port else []
    place = ("--host", host, "--port", str(port), "--root-path", root_path)
    programs.become(programs.front_end(*place, *flags), {"REDIS_URL": redis_url})


@app.command()
def work(redis_url: RedisUrl = "") -> None:
    """Run one worker, which downloads what was added."""
    from simulcast.launcher import programs

    programs.become(programs.worker(), {"REDIS_URL": redis_url})


@app.command()
def add(
    urls: Annotated[list[str], typer.Argument(metavar="URL", help="What to download, by http or https.")],
    name: Annotated[str, typer.Option(help="What the file is to be called.")] = "",
    checksum: Annotated[
        str, typer.Option(metavar="sha256:…", help="What the file must have: sha256, sha512, sha1 or md5.")
    ] = "",
    limit: Annotated[str, typer.Option(metavar="SPEED", help="At most so many bytes a second: 2MB, 500KiB.")] = "",
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME: VALUE'", help="Sent to the URL's server alone; @FILE reads them from a file."),
    ] = None,
    proxy: Annotated[str, typer.Option(metavar="URL", help="One of those that the workers allow.")] = "",
    priority: Annotated[int, typer.Option(min=-9, max=9, help="Higher ones go first.")] = 0,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Queue downloads; prints the id of each."""
    from simulcast.cli import add, redis
    from simulcast.cli.watch.download_table import clean

    options = add.checked_options(header or [], name, checksum, limit, proxy, urls)
    asyncio.run(
        add.add(
            redis.redis_url(redis_url, data),
            urls,
            priority,
            options,
            lambda record: typer.echo(f"{record.download_id}  {clean(record.name)}"),
        )
    )


@app.command()
def publish(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Usually downloads.")],
    event: Annotated[str, typer.Argument(metavar="JSON", help="The event, a JSON object; - reads standard input.")],
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Publish one event to everyone who watches; prints its event_id."""
    from simulcast.cli import publish, redis

    text = publish.read_all(sys.stdin) if event == "-" else event
    typer.echo(asyncio.run(publish.publish(redis.redis_url(redis_url, data), channel, text)))


@app.command()
def watch(
    url: Annotated[str, typer.Option(metavar="URL", help="The WebSocket of a front-end.")] = "ws://localhost:8080/ws",
    token: Annotated[
        str,
        typer.Option(
            envvar="SIMULCAST_TOKEN",
            metavar="TOKEN",
            help="Shown to a service that wants one; @FILE reads it from a file, anew at each connection.",
        ),
    ] = "",
) -> None:
    """Show live what goes on: bars in a terminal, plain lines elsewhere. Ctrl-C ends it."""
    from simulcast.cli.watch import run

    with suppress(KeyboardInterrupt):
        asyncio.run(run.watch(url, token))


@app.command()
def demo(
    downloads: Annotated[int, typer.Option(min=1, max=5000, help="How many at once.")] = 8,
    seconds: Annotated[float, typer.Option(min=1, max=86400, help="How long they take together.")] = 30,
    channel: Annotated[str, typer.Option(help="Where it is told.")] = "downloads",
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Publish simulated downloads: something to look at, without network."""
    from simulcast.cli import redis
    from simulcast.cli.demo import run

    with suppress(KeyboardInterrupt):
        asyncio.run(run.demo(redis.redis_url(redis_url, data), channel, downloads, seconds))
