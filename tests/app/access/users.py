"""Users with a channel each, and how they ask: the stage of the tests about them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import aiohttp
from websockets.asyncio.client import ClientConnection

from simulcast.broker import Broker
from simulcast.model import own_job
from simulcast.own_jobs import OwnJobs
from tests.app.access.connections import connect
from tests.service import FrontEnd
from tests.signed_tokens import token

RIGHTS = "watch command publish files"
ALICE, BOB = "user.alice", "user.bob"
TOKENS = {
    "alice": token(RIGHTS, sub="alice", channels=[ALICE]),
    "bob": token(RIGHTS, sub="bob"),
    "admin": token("admin", sub="root"),
    "nobody": "",
}
OWN = {"alice": {ALICE}, "bob": {BOB}, "admin": {ALICE, BOB, "downloads"}, "nobody": set[str]()}
CHANNELS = (ALICE, BOB, "downloads")


def secret_of(channel: str) -> str:
    """Return a text that stands in everything of a channel."""
    return f"secret-of-{channel}"


def secrets_in(text: str) -> set[str]:
    return {channel for channel in CHANNELS if secret_of(channel) in text}


def job_in(channel: str) -> str:
    return f"job-of-{channel}"


def download_in(channel: str) -> str:
    return f"download-of-{channel}"


async def fill(front_end: FrontEnd) -> None:
    """Put a job, a download and an event into each channel."""
    async with aclosing(Broker.connect(front_end.redis_url)) as broker:
        for channel in CHANNELS:
            async with aclosing(OwnJobs.connect(front_end.redis_url, broker, channel)) as jobs:
                await jobs.queue(job_in(channel), own_job.about(job_in(channel), "work", secret_of(channel)))
            await publish(broker, channel)
    for user, query, channel in (("admin", f"?channel={ALICE}", ALICE), ("bob", "", BOB), ("admin", "", "downloads")):
        body = {"url": f"https://example.com/{secret_of(channel)}", "download_id": download_in(channel)}
        status, text = await ask(front_end, user, "POST", f"/downloads{query}", body)
        assert status == 201 and body_of(text)["owner"] == ("bob" if user == "bob" else "root"), text


async def publish(broker: Broker, channel: str, word: str = "") -> None:
    await broker.publish({"type": "note", "text": secret_of(channel), "word": word}, channel, key="note")


async def ask(front_end: FrontEnd, user: str, method: str, path: str, body: object = None) -> tuple[int, str]:
    """Return the status and the whole answer, headers too; of an event stream, its beginning."""
    headers = {"authorization": f"Bearer {TOKENS[user]}"} if TOKENS[user] else {}
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{front_end.port}") as session,
        session.request(method, path, headers=headers, json={} if method == "POST" and body is None else body) as found,
    ):
        if found.content_type != "text/event-stream":
            return found.status, f"{sorted(found.headers.items())}\n{await found.text()}"
        text = ""
        async with asyncio.timeout(60):
            while not re.search(r"event: ?hello", text):
                text += (await found.content.readany()).decode()
        return found.status, text


def body_of(text: str) -> dict[str, object]:
    """Return the body of an answer of `ask`."""
    body: dict[str, object] = json.loads(text.partition("\n")[2])
    return body


@asynccontextmanager
async def watching(stage: FrontEnd, user: str, query: str) -> AsyncIterator[ClientConnection]:
    async with await connect(stage, TOKENS[user], query) as connection:
        yield connection


async def state_of(stage: FrontEnd, job_id: str, channel: str) -> str:
    status, text = await ask(stage, "admin", "GET", f"/jobs/{job_id}?channel={channel}")
    assert status == 200, text
    return str(body_of(text)["state"])


async def tell(connection: ClientConnection, command: dict[str, object]) -> dict[str, object]:
    """Send a command, and return its result."""
    await connection.send(json.dumps(command))
    while True:
        answer: dict[str, object] = json.loads(await connection.recv())
        if answer["type"] == "command_result":
            return answer
