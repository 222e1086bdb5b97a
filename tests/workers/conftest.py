"""A server that can do anything wrong, a session that may reach it, and what fetch told."""

import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.scripted_server import Server
from workers.http.address_filter import Networks
from workers.http.response import RemoteFile
from workers.http.session import make_session
from workers.transfer.fetch import Fetched, fetch
from workers.transfer.fetch_options import FetchOptions

LOCAL: Networks = (ipaddress.ip_network("127.0.0.1/32"),)


@dataclass
class Download:
    """One part file and what was told of it; `again()` continues as a successor would."""

    session: aiohttp.ClientSession
    part: Path
    sources: list[RemoteFile] = field(default_factory=list)
    told: list[tuple[int, int | None]] = field(default_factory=list)

    async def fetch(self, url: str, terms: FetchOptions | None = None) -> Fetched:
        source = self.sources[-1] if self.sources else None
        return await fetch(self.session, url, self.part, source, self.on_bytes, on_source=self.on_source, terms=terms)

    def on_bytes(self, received: int, total: int | None) -> None:
        self.told.append((received, total))

    async def on_source(self, source: RemoteFile) -> None:
        self.sources.append(source)

    def holding(self, content: bytes, source: RemoteFile) -> "Download":
        """As if an earlier fetch had been interrupted after `content`."""
        self.part.write_bytes(content)
        self.sources.append(source)
        return self


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as started:
        yield started


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with make_session(LOCAL) as opened:
        yield opened


@pytest.fixture
def download(session: aiohttp.ClientSession, tmp_path: Path) -> Download:
    return Download(session, tmp_path / "file.part.1-a")
