"""`simulcast service install`: writes the units for systemd, and says how to start them."""

import os
import pwd
import sys
from pathlib import Path

from simulcast.errors import CommandError
from simulcast.launcher.units import SETTINGS, Installation


def install(units: Path, settings: Path, host: str, port: int, user: str, downloads: Path) -> str:
    """Write the units, and settings where there are none; return the commands to type next. Raises CommandError."""
    installation = Installation(
        python=Path(sys.executable).absolute(),
        settings=settings.absolute(),
        host=host,
        port=port,
        user=user,
        downloads=downloads.absolute(),
    )
    try:
        for name, content in installation.units().items():
            (units / name).write_text(content, encoding="utf-8")
        if not settings.exists():
            with os.fdopen(
                os.open(settings, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as file:
                file.write(SETTINGS)
    except OSError as error:
        raise CommandError(f"can't write {error.filename}: {error.strerror}. Run it as root") from error
    try:
        pwd.getpwnam(user)
        make_user = []
    except KeyError:
        make_user = [f"useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin {user}"]
    steps = [
        *make_user,
        f"install -d -o {user} '{installation.downloads}'",
        "systemctl daemon-reload",
        "systemctl enable --now simulcast.socket simulcast-front-end@1 simulcast-worker@1",
    ]
    lines = "\n".join(f"  {step}" for step in steps)
    return f"The units are in {units}. Put REDIS_URL and other settings into {settings}; then, as root:\n\n{lines}\n"
