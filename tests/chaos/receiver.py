"""A receiver of webhooks as a process, which a test kills: `python -m tests.chaos.receiver PORT JOURNAL`.

It writes each end down before it answers, fails before or after that now and then, and sometimes never answers.
"""

import asyncio
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from standardwebhooks import Webhook

from tests.webhook_receiver import SECRET

FAILS_BEFORE, FAILS_BEHIND, IS_SILENT = 0.05, 0.1, 0.105  # of all requests: the sums of their shares


@dataclass(frozen=True, slots=True)
class Line:
    """An end that was received. `to`: the query of the address."""

    to: str
    message_id: str
    event: dict[str, object]


def read_journal(journal: Path) -> Iterator[Line]:
    """Yield what the receiver has written down. The last line may be of one that was killed."""
    texts = journal.read_text(encoding="utf-8").split("\n")[:-1] if journal.exists() else []
    for text in texts:
        line = json.loads(text)
        yield Line(line["to"], line["id"], line["event"])


def main(port: int, journal: Path) -> None:
    """Serve until killed. A request whose signature is wrong fails, and is not written down."""
    rng = random.Random()

    async def receive(request: web.Request) -> web.Response:
        body, chance = await request.read(), rng.random()
        Webhook(SECRET).verify(body, dict(request.headers))
        if chance < FAILS_BEFORE:
            return web.Response(status=500)
        line = {"to": request.query_string, "id": request.headers["webhook-id"], "event": json.loads(body)}
        with journal.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
        if FAILS_BEHIND <= chance < IS_SILENT:
            await asyncio.get_running_loop().create_future()
        return web.Response(status=500 if chance < FAILS_BEHIND else 204)

    app = web.Application()
    app.router.add_post("/ends", receive)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
