"""`simulcast doctor`: looks at what usually is the reason when something doesn't work, and says what to change."""

import asyncio
from collections.abc import Collection

from simulcast.cli.doctor.finding import Finding
from simulcast.cli.doctor.machine_checks import machine_checks
from simulcast.cli.doctor.redis_checks import redis_checks
from simulcast.cli.doctor.settings_checks import settings_checks
from simulcast.cli.settings import UpSettings


async def run_checks(
    environment: Collection[str], url: str, host: str, port: int, settings: UpSettings
) -> list[Finding]:
    """All findings, those of this machine first. `environment`: the names of the variables that are set."""
    found = await asyncio.gather(
        machine_checks(host, port, settings.download_dir),
        settings_checks(environment, host, settings),
        redis_checks(url),
    )
    return [finding for part in found for finding in part]
