"""The commands that run the service, try it, and check it."""

import asyncio
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from simulcast.cli.commands import Data, Json, RedisUrl, app, command

Host = Annotated[
    str,
    typer.Option(
        "--host",
        envvar="SIMULCAST_HOST",
        metavar="HOST",
        help="Address to listen on; 0.0.0.0 accepts clients from the network.",
    ),
]
Port = Annotated[
    int, typer.Option(envvar="SIMULCAST_PORT", metavar="PORT", min=1, max=65535, help="Port to listen on.")
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


@command(
    "simulcast up",
    "simulcast up --port 9000 --workers 2",
    notes="From the environment: SIMULCAST_DOWNLOAD_DIR (./downloads), SIMULCAST_ALLOW_NETWORKS (private networks "
    "that downloads may reach), SIMULCAST_LOG (debug, info, warning, error), and the other settings.",
)
def up(
    host: Host = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            envvar="SIMULCAST_PORT", metavar="PORT", min=0, max=65535, help="Port to listen on; 0 takes any free one."
        ),
    ] = 8080,
    front_ends: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, max=256, help="Processes that serve clients.")
    ] = 1,
    workers: Annotated[int, typer.Option(metavar="NUMBER", min=0, max=256, help="Processes that download.")] = 1,
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
            metavar="PORT",
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
    logs.configure("up", settings.log, settings.log_format)
    folder = WorkerSettings.from_environment().download_dir
    places = (host, port, front_ends, workers, data, redis_url, folder)
    asyncio.run(up.up(up.Plan(*places, open_to_everyone=open_to_everyone, admin_port=admin_port)))


@command("simulcast serve --redis-url redis://10.0.0.5:6379/0")
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8080,
    redis_url: RedisUrl = "",
    root_path: Annotated[
        str, typer.Option(metavar="PATH", help="Path below which a reverse proxy serves it, such as /x/.")
    ] = "",
    open_to_everyone: OpenToEveryone = False,
    admin_port: Annotated[
        int,
        typer.Option(
            envvar="SIMULCAST_ADMIN_PORT", metavar="PORT", min=0, max=65535, help="Port for /metrics; 0 for none."
        ),
    ] = 0,
) -> None:
    """Run one front-end."""
    from simulcast.launcher import programs

    settings = {"REDIS_URL": redis_url, "SIMULCAST_HOST": host, "SIMULCAST_PORT": str(port)}
    settings["SIMULCAST_ADMIN_PORT"] = str(admin_port)
    settings["SIMULCAST_OPEN_TO_EVERYONE"] = str(open_to_everyone)
    programs.become(programs.front_end("--root-path", root_path), settings)


@command("simulcast work --redis-url redis://10.0.0.5:6379/0")
def work(redis_url: RedisUrl = "") -> None:
    """Run one worker, which downloads queued files."""
    from simulcast.launcher import programs

    programs.become(programs.worker(), {"REDIS_URL": redis_url})


@command("simulcast demo", "simulcast demo --jobs 100 --seconds 60")
def demo(
    jobs: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=5000, help="Number of simulated jobs.")] = 8,
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, max=86400, help="Duration of all of them together.")
    ] = 30,
    channel: Annotated[str, typer.Option(metavar="CHANNEL", help="Channel to publish to.")] = "downloads",
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
    as_json: Json = False,
) -> None:
    """Run simulated jobs, which need no network."""
    from simulcast.cli import redis
    from simulcast.cli.demo import run

    with suppress(KeyboardInterrupt):
        asyncio.run(run.demo(redis.redis_url(redis_url, data), channel, jobs, seconds, as_json=as_json))


@command(
    "simulcast service install",
    "simulcast service install --port 80 --downloads /srv/media --user media",
    notes="The units are simulcast.socket, simulcast-front-end@.service and simulcast-worker@.service; a number "
    "behind the @ names each process. Redis, or Valkey, is a service of its own.",
)
def service(
    action: Annotated[Literal["install"], typer.Argument(metavar="install", help="Write units for systemd.")],
    host: Host = "127.0.0.1",
    port: Port = 8080,
    user: Annotated[str, typer.Option(metavar="USER", help="User of the workers, who owns the files.")] = "simulcast",
    downloads: Annotated[Path, typer.Option(metavar="DIR", help="Folder that files are downloaded into.")] = Path(
        "/var/lib/simulcast"
    ),
    settings: Annotated[
        Path, typer.Option(metavar="FILE", help="File with the settings of all processes, made if it is missing.")
    ] = Path("/etc/simulcast.env"),
    units: Annotated[Path, typer.Option(metavar="DIR", help="Folder that the units are written into.")] = Path(
        "/etc/systemd/system"
    ),
) -> None:
    """Let systemd run front-ends and workers, without Docker."""
    from simulcast.cli.service_units import install

    typer.echo(install(units, settings, host, port, user, downloads))


@command("simulcast doctor", "simulcast doctor --host 0.0.0.0 --port 80")
def doctor(
    host: Host = "127.0.0.1",
    port: Port = 8080,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
    as_json: Json = False,
) -> None:
    """Check this machine, the settings and Redis. Exit code 1 if something is wrong; the remedy is named."""
    from rich.console import Console

    from simulcast.cli import redis
    from simulcast.cli.doctor import run
    from simulcast.cli.doctor.finding import Severity, render

    findings = asyncio.run(run.run_checks(os.environ, redis.redis_url(redis_url, data), host, port))
    if as_json:
        typer.echo(json.dumps({"findings": [finding.as_json() for finding in findings]}))
    else:
        Console(highlight=False).print(render(findings))
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(1)
