"""`simulcast doctor`: looks for the usual reasons why something doesn't work, and names the remedy of each."""

import asyncio
from collections.abc import Collection

from simulcast.cli.doctor.finding import Finding
from simulcast.cli.doctor.machine_checks import machine_checks
from simulcast.cli.doctor.redis_checks import redis_checks
from simulcast.cli.doctor.settings_checks import settings_checks


async def run_checks(variables: Collection[str], url: str, host: str, port: int) -> list[Finding]:
    """Return all findings, those of this machine first. `variables`: the names of those that are set."""
    machine, redis = await asyncio.gather(machine_checks(host, port), redis_checks(url))
    return [*machine, *settings_checks(variables, host), *redis]
