"""`simulcast doctor`, on the settings: those that make no sense, those that nobody reads, and who they let in.

Each program is asked itself what it reads and whether it would start, since nobody else knows.
"""

import asyncio
import difflib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from simulcast.access_settings import ExposureSettings, is_public_bind
from simulcast.cli.doctor.finding import Finding, fine, look, wrong
from simulcast.errors import SettingRefused
from simulcast.launcher import programs

PREFIX = "SIMULCAST_"
COMPOSE = frozenset(  # read by docker-compose.yml alone
    f"{PREFIX}{name}"
    for name in (
        "CLUSTER_PUBLISH",
        "DOWNLOADS",
        "FRONT_ENDS",
        "GRAFANA_PUBLISH",
        "PROMETHEUS_PUBLISH",
        "PUBLISH",
        "WORKERS",
    )
)
FLAGS = frozenset({f"{PREFIX}TOKEN"})  # read by a command of the command line alone
_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one program says of its settings: the names it reads, and what is wrong with their values, if anything."""

    program: str
    names: frozenset[str]
    mistake: str


async def settings_checks(environment: Collection[str], host: str, exposure: ExposureSettings) -> list[Finding]:
    """`environment`: the names of all variables that are set."""
    found = await asyncio.gather(
        _inspect("front-end", programs.front_end("--check")), _inspect("worker", programs.worker("--check"))
    )
    return [*check_values(found), *unknown_names(environment, found), check_exposure(host, exposure)]


def check_values(inspections: Sequence[Inspection]) -> list[Finding]:
    """Whether each program would start with its settings."""
    return [
        wrong(each.program, each.mistake, "correct that setting: docs/settings.md lists what each may be")
        if each.mistake
        else fine(each.program, "its settings make sense")
        for each in inspections
    ]


def unknown_names(environment: Collection[str], inspections: Sequence[Inspection]) -> list[Finding]:
    """Variables that look like ours and are read by nobody, with what was probably meant."""
    known = (COMPOSE | FLAGS).union(*(each.names for each in inspections))
    strangers = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    if not strangers:
        return [fine("variables", f"each {PREFIX}… that is set is read by a program")]
    findings = []
    for name in strangers:
        near = difflib.get_close_matches(name.removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in known], n=1)
        remedy = f"did you mean {PREFIX}{near[0]}?" if near else "unset it; docs/settings.md lists all that there are"
        findings.append(wrong("variables", f"{name} is set, and no program reads it", remedy))
    return findings


def check_exposure(host: str, settings: ExposureSettings) -> Finding:
    """Who may get in."""
    try:
        algorithm, _ = settings.token_key()
    except SettingRefused as error:
        return wrong("access", str(error), "see docs/access.md")
    if algorithm:
        return fine("access", f"whoever has a token ({algorithm})")
    if not is_public_bind(host):
        return fine("access", f"everyone on this machine ({host}), without a token")
    remedy = "set SIMULCAST_TOKEN_SECRET, unless only a proxy of yours reaches it: docs/access.md"
    if settings.open_to_everyone:
        return look("access", f"whoever reaches {host} may watch, command and publish, without a token", remedy)
    return wrong("access", f"{host} is open to others and no token is wanted: a front-end refuses to start", remedy)


async def _inspect(program: str, command: Sequence[str]) -> Inspection:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=programs.environment({}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_ANSWER_S):
            out, err = await process.communicate()
        answer: Mapping[str, object] = json.loads(out)
    except TimeoutError:
        process.kill()
        await process.wait()
        return Inspection(program, frozenset(), f"it does not start within {_ANSWER_S:.0f} s")
    except ValueError:
        said = err.decode(errors="replace").strip().splitlines()
        return Inspection(program, frozenset(), f"it does not start: {said[-1] if said else 'it says nothing'}")
    names = answer.get("names")
    return Inspection(program, frozenset(names if isinstance(names, list) else ()), str(answer.get("mistake", "")))
