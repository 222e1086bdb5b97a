"""`simulcast doctor`, on the settings: refused values, names that no program reads, and who may connect."""

import difflib
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from simulcast.cli.doctor.finding import ERROR, OK, WARNING, Finding
from simulcast.cli.doctor.machine_checks import check_disk
from simulcast.errors import SettingRefused
from simulcast.settings.access import AccessSettings, is_public_bind
from simulcast.settings.front_end import FrontEndSettings
from simulcast.settings.redis import PREFIX, setting_name
from simulcast.settings.shared import RENAMED, SharedSettings
from simulcast.settings.token_keys import VerificationKey, jwk_keys
from simulcast.settings.worker import WorkerSettings

# Read by docker-compose.yml alone.
_COMPOSE = ("cluster_publish", "downloads", "front_ends", "grafana_publish", "prometheus_publish", "publish", "workers")
COMPOSE = frozenset(map(setting_name, _COMPOSE))
_ATTRIBUTES = (
    *FrontEndSettings.model_fields,
    *WorkerSettings.model_fields,
    *("url", "token"),  # of commands
)
KNOWN = COMPOSE.union(map(setting_name, _ATTRIBUTES))
_Settings = TypeVar("_Settings", bound=SharedSettings)


def settings_checks(variables: Collection[str], host: str) -> list[Finding]:
    """Check each program's settings. `variables`: the names of all that are set."""
    return [
        *check_values("front-end", FrontEndSettings, lambda settings: check_exposure(host, settings)),
        *check_values("worker", WorkerSettings, lambda settings: check_disk(settings.download_dir)),
        *check_names(variables),
    ]


def check_values(
    program: str, settings_class: type[_Settings], next_check: Callable[[_Settings], Finding]
) -> list[Finding]:
    """Check whether the program would start with its settings; only then carry out `next_check`."""
    try:
        settings = settings_class.from_environment()
    except SettingRefused as error:
        return [Finding(ERROR, program, str(error), "correct that setting: docs/settings.md lists the values of each")]
    return [Finding(OK, program, "all its settings are valid"), next_check(settings)]


def check_names(variables: Collection[str]) -> list[Finding]:
    """Find variables that look like ours and that no program reads, and suggest the name that was probably meant."""
    unknown = sorted(name for name in variables if name.startswith(PREFIX) and name not in KNOWN)
    findings = [
        Finding(ERROR, "variables", f"{name} is set, and no program reads it", _suggest(name)) for name in unknown
    ]
    return findings or [Finding(OK, "variables", f"each {PREFIX}… that is set is read by a program")]


def _suggest(name: str) -> str:
    if new_name := RENAMED.get(name):
        return f"it is called {new_name} now"
    suffixes = [known.removeprefix(PREFIX) for known in KNOWN]
    if near := difflib.get_close_matches(name.removeprefix(PREFIX), suffixes, n=1):
        return f"did you mean {PREFIX}{near[0]}?"
    return "unset it: docs/settings.md lists all settings"


def _read_key_set(url: str) -> Sequence[VerificationKey]:
    """Return its keys, none without a URL. Raises SettingRefused where it has none now."""
    from simulcast.jwks import fetch_jwks

    if not url:
        return []
    try:
        return jwk_keys(fetch_jwks(url))
    except ValueError as error:
        raise SettingRefused(f"SIMULCAST_TOKEN_JWKS_URL: {error}") from error


def check_exposure(host: str, settings: AccessSettings) -> Finding:
    """Report who may connect to a front-end on `host`."""
    try:
        keys = settings.token_keys() or _read_key_set(settings.token_jwks_url)
    except SettingRefused as error:
        return Finding(ERROR, "access", str(error), "see docs/access.md")
    if settings.has_tokens:
        signed = ", ".join(sorted({key.algorithm for key in keys}))
        return Finding(OK, "access", f"everyone who has a token ({signed})")
    if not is_public_bind(host):
        return Finding(OK, "access", f"everyone on this machine ({host}), without a token")
    remedy = "set SIMULCAST_TOKEN_SECRET, unless only a proxy of yours reaches it: docs/access.md"
    if settings.open_to_everyone:
        result = f"everyone who reaches {host} may watch, command and publish, without a token"
        return Finding(WARNING, "access", result, remedy)
    result = f"{host} is open to other machines without tokens: a front-end refuses to start"
    return Finding(ERROR, "access", result, remedy)
