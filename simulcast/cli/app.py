"""The commands that run the service, publish and watch, with their flags. `simulcast --help` is enough to begin.

A command's module is imported when the command runs: `--help` is quick, and `watch` needs nothing of `up`.
"""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="simulcast",
    help="Download files, and broadcast their progress live to every client.\n\n"
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
        show_default="the one of `simulcast up`, else redis://localhost:6379/0",
    ),
]
Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder with the data of `simulcast up`.")]
Host = Annotated[
    str,
    typer.Option(
        "--host", envvar="SIMULCAST_HOST", help="Address to listen on; 0.0.0.0 accepts clients from the network."
    ),
]
OpenToEveryone = Annotated[
    bool,
    typer.Option(
        "--open-to-everyone",
        envvar="SIMULCAST_OPEN_TO_EVERYONE",
        help="Accept clients from the network without tokens: all of them may watch and command.",
    ),
]


def _print_version(requested: bool) -> None:
    if requested:
        from simulcast.version import version

        typer.echo(f"simulcast {version()}" if version() else "simulcast, from a checkout that is not installed")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog="From the environment: SIMULCAST_DOWNLOAD_DIR (./downloads), SIMULCAST_ALLOW_NETWORKS (private networks "
    "that downloads may reach), SIMULCAST_LOG (debug, info, warning, error), and the other settings."
)
def up(
    host: Host = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="SIMULCAST_PORT", min=0, max=65535, help="Port to listen on; 0 takes any free one.")
    ] = 8080,
    front_ends: Annotated[int, typer.Option(min=1, max=256, help="Processes that serve clients.")] = 1,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Processes that download.")] = 1,
    data: Data = Path("data"),
    redis_url: Annotated[
        str,
        typer.Option(
            envvar="REDIS_URL", metavar="URL", help="Redis to use.", show_default="an embedded Valkey, in --data"
        ),
    ] = "",
    open_to_everyone: OpenToEveryone = False,
    admin_port: Annotated[
        int,
        typer.Option(
            envvar="SIMULCAST_ADMIN_PORT",
            min=0,
            max=65000,
            help="Port on 127.0.0.1 for /metrics of the first front-end; further front-ends take the next ports.",
            show_default="any free ones",
        ),
    ] = 0,
) -> None:
    """Run the whole service: Valkey, front-ends and workers. Ctrl-C stops it."""
    from simulcast import logs
    from simulcast.cli import up
    from simulcast.settings.front_end import FrontEndSettings
    from simulcast.settings.worker import WorkerSettings

    settings = FrontEndSettings.from_environment(host=host, port=port or 8080, open_to_everyone=open_to_everyone)
    settings.check_host(host)
    logs.configure(settings.log)
    folder = WorkerSettings.from_environment().download_dir
    places = (host, port, front_ends, workers, data, redis_url, folder)
    asyncio.run(up.up(up.Plan(*places, open_to_everyone=open_to_everyone, admin_port=admin_port)))


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="SIMULCAST_PORT", min=1, max=65535, help="Port to listen on.")] = 8080,
    redis_url: RedisUrl = "",
    root_path: Annotated[str, typer.Option(help="Path below which a reverse proxy serves it, such as /x/.")] = "",
    open_to_everyone: OpenToEveryone = False,
    admin_port: Annotated[
        int, typer.Option(envvar="SIMULCAST_ADMIN_PORT", min=0, max=65535, help="Port for /metrics; 0 for none.")
    ] = 0,
) -> None:
    """Run one front-end."""
    from simulcast.launcher import programs

    settings = {"REDIS_URL": redis_url, "SIMULCAST_HOST": host, "SIMULCAST_PORT": str(port)}
    settings["SIMULCAST_ADMIN_PORT"] = str(admin_port)
    settings["SIMULCAST_OPEN_TO_EVERYONE"] = str(open_to_everyone)
    programs.become(programs.front_end("--root-path", root_path), settings)


@app.command()
def work(redis_url: RedisUrl = "") -> None:
    """Run one worker, which downloads queued files."""
    from simulcast.launcher import programs

    programs.become(programs.worker(), {"REDIS_URL": redis_url})


@app.command()
def add(
    urls: Annotated[list[str], typer.Argument(metavar="URL", help="A URL to download.")],
    name: Annotated[str, typer.Option(help="Name of the file.")] = "",
    checksum: Annotated[
        str, typer.Option(metavar="sha256:…", help="Checksum that the file must have: sha256, sha512, sha1 or md5.")
    ] = "",
    limit: Annotated[str, typer.Option(metavar="SPEED", help="Maximum bytes per second: 2MB, 500KiB.")] = "",
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME: VALUE'", help="Header for the URL's server alone; @FILE reads several."),
    ] = None,
    proxy: Annotated[str, typer.Option(metavar="URL", help="Proxy, one of those that the workers allow.")] = "",
    priority: Annotated[int, typer.Option(min=-9, max=9, help="Higher priorities start first.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Add it though the same is there already.")] = False,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Queue downloads and print their ids."""
    from simulcast.cli import add, redis
    from simulcast.cli.watch.job_table import clean
    from simulcast.model.job_record import SubmittedRecord

    def on_queued(record: SubmittedRecord) -> None:
        note = f"  was added before and is {record.state}; --again adds it again" if record.existing else ""
        typer.echo(f"{record.download_id}  {clean(record.name)}{note}")

    options = add.parse_options(header or [], name, checksum, limit, proxy, urls)
    asyncio.run(add.add(redis.redis_url(redis_url, data), urls, priority, options, on_queued, again=again))


@app.command()
def publish(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel, usually downloads.")],
    event: Annotated[str, typer.Argument(metavar="JSON", help="The event, a JSON object; - reads standard input.")],
    key: Annotated[str, typer.Option(help="Key of an event of your own: newer events supersede older ones.")] = "",
    ends: Annotated[bool, typer.Option("--ends", help="This event ends its key.")] = False,
    ttl: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="Silence after which the key leaves the snapshot.")
    ] = None,
    idempotency_key: Annotated[str, typer.Option(help="Publish once, however often this is repeated.")] = "",
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Publish one event to all clients of a channel and print its event_id."""
    from simulcast.cli import publish, redis

    text = publish.read_all(sys.stdin) if event == "-" else event
    options = publish.PublishOptions(key, idempotency_key, ttl, ends)
    typer.echo(asyncio.run(publish.publish(redis.redis_url(redis_url, data), channel, text, options)))


@app.command()
def watch(
    url: Annotated[str, typer.Option(metavar="URL", help="WebSocket URL of a front-end.")] = "ws://localhost:8080/ws",
    token: Annotated[
        str,
        typer.Option(
            envvar="SIMULCAST_TOKEN",
            metavar="TOKEN",
            help="Token for a service that requires one; @FILE reads it from a file at each connection.",
        ),
    ] = "",
) -> None:
    """Show events live: bars in a terminal, plain lines elsewhere. Ctrl-C ends it."""
    from simulcast.cli.watch import run

    with suppress(KeyboardInterrupt):
        asyncio.run(run.watch(url, token))


@app.command()
def demo(
    jobs: Annotated[int, typer.Option(min=1, max=5000, help="Number of simulated jobs.")] = 8,
    seconds: Annotated[float, typer.Option(min=1, max=86400, help="Duration of all of them together.")] = 30,
    channel: Annotated[str, typer.Option(help="Channel to publish to.")] = "downloads",
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Run simulated jobs, which need no network."""
    from simulcast.cli import redis
    from simulcast.cli.demo import run

    with suppress(KeyboardInterrupt):
        asyncio.run(run.demo(redis.redis_url(redis_url, data), channel, jobs, seconds))


@app.command()
def top(
    once: Annotated[bool, typer.Option("--once", help="Print the status once and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the status once, as JSON, and end.")] = False,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Show all processes live: front-ends, clients, rates, lag, workers, the queue. Ctrl-C ends it."""
    from rich.console import Console

    from simulcast.cli import redis
    from simulcast.cli.top import run

    url, console = redis.redis_url(redis_url, data), Console()
    if as_json:
        typer.echo(asyncio.run(run.read_status(url)).as_json())
    elif once or not console.is_terminal:
        console.print(asyncio.run(run.read_status(url)).render())
    else:
        with suppress(KeyboardInterrupt):
            asyncio.run(run.show_live(url, console))


@app.command()
def doctor(
    host: Host = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="SIMULCAST_PORT", min=1, max=65535, help="Port on which clients connect.")
    ] = 8080,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
) -> None:
    """Check this machine, the settings and Redis, and name each remedy. Exit code 1 if something is wrong."""
    from rich.console import Console

    from simulcast.cli import redis
    from simulcast.cli.doctor import run
    from simulcast.cli.doctor.finding import Severity, render

    findings = asyncio.run(run.run_checks(os.environ, redis.redis_url(redis_url, data), host, port))
    Console(highlight=False).print(render(findings))
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(1)
