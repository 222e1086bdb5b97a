"""Units for systemd: a socket that front-ends share, front-ends, and workers, each confined to what it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from simulcast.launcher.sockets import LOOPBACK
from simulcast.model.ip_address import join_port

_SOCKET = Template("""\
[Unit]
Description=Port of Simulcast's front-ends

[Socket]
$listen
BindIPv6Only=ipv6-only
Backlog=4096
NoDelay=yes
Service=simulcast-front-end@1.service

[Install]
WantedBy=sockets.target
""")
_SERVICE = Template("""\
[Unit]
Description=Simulcast $kind %i
Wants=network-online.target
After=network-online.target redis.service valkey.service

[Service]
Type=exec
ExecStart=$python -P -m simulcast.cli $command
WorkingDirectory=/
EnvironmentFile=$settings
Restart=always
RestartSec=1
$own
UMask=$umask
LimitNOFILE=65536
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=$home
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateDevices=yes
PrivateMounts=yes
PrivateTmp=yes
DevicePolicy=closed
KeyringMode=private
LockPersonality=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
""")
SETTINGS = """\
# Settings of Simulcast's front-ends and workers; docs/settings.md lists them all. Only root can read this file.
REDIS_URL=redis://127.0.0.1:6379/0
#SIMULCAST_TOKEN_SECRET=
"""
_HOMES = ("/home", "/root", "/run/user")


@dataclass(frozen=True, slots=True)
class Installation:
    """The paths are absolute. `python`: the interpreter that has Simulcast. `user`: of the workers, and their files."""

    python: Path
    settings: Path
    host: str
    port: int
    user: str
    downloads: Path

    def units(self) -> Mapping[str, str]:
        """Return the content of each unit, by its name."""
        hosts = dict.fromkeys(LOOPBACK, ("127.0.0.1", "::1")) | {"::": ("0.0.0.0", "::")}  # noqa: S104
        listen = [f"ListenStream={join_port(host, self.port)}" for host in hosts.get(self.host, (self.host,))]
        front_end = (
            "Sockets=simulcast.socket",
            "DynamicUser=yes",
            "PrivateUsers=yes",
            "TimeoutStopSec=30",
        )
        worker = (
            f"User={self.user}",
            f"Environment={_quoted(f'SIMULCAST_DOWNLOAD_DIR={self.downloads}')}",
            f"ReadWritePaths={_quoted(str(self.downloads))}",
            "TimeoutStopSec=15",
        )
        return {
            "simulcast.socket": _SOCKET.substitute(listen="\n".join(listen)),
            "simulcast-front-end@.service": self._service(
                "front-end", f"serve --host {self.host} --port {self.port}", front_end, self.python, umask="0077"
            ),
            "simulcast-worker@.service": self._service(
                "worker", "work", worker, self.python, self.downloads, umask="0022"
            ),
        }

    def _service(self, kind: str, command: str, own: tuple[str, ...], *paths: Path, umask: str) -> str:
        in_home = any(path.is_relative_to(home) for path in paths for home in _HOMES)
        return _SERVICE.substitute(
            kind=kind,
            command=command,
            own="\n".join(own),
            umask=umask,
            python=_quoted(str(self.python).replace("$", "$$")),
            settings=str(self.settings).replace("%", "%%"),
            home="read-only" if in_home else "yes",
        )


def _quoted(text: str) -> str:
    """Return the text as one word of a unit: systemd.syntax(7)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if escaped != text or " " in text else text
