"""`simulcast revoke`: refuse a user's tokens, or one token, on all front-ends."""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer

from simulcast.cli.commands import Data, Json, RedisUrl, command
from simulcast.errors import CommandError
from simulcast.model.revocation import MAX_NAME_CHARS, MAX_REVOKED_S, REVOKED_S, revoked_name


@command("simulcast revoke --user alice", "simulcast revoke --token-id 1f0c --for 3600")
def revoke(
    user: Annotated[str, typer.Option(metavar="USER", help="All tokens of this user (the claim sub).")] = "",
    token_id: Annotated[str, typer.Option(metavar="ID", help="The one token with this id (the claim jti).")] = "",
    for_s: Annotated[
        int,
        typer.Option(
            "--for", metavar="SECONDS", min=1, max=MAX_REVOKED_S, help="For longer than the tokens are valid."
        ),
    ] = REVOKED_S,
    redis_url: RedisUrl = "",
    data: Data = Path("data"),
    as_json: Json = False,
) -> None:
    """Refuse tokens, and end their connections within two seconds."""
    from simulcast.cli import redis

    if bool(user) == bool(token_id):
        raise CommandError("name either --user or --token-id")
    if len(user or token_id) > MAX_NAME_CHARS or not (user or token_id).isprintable():
        raise CommandError(f"it has more than {MAX_NAME_CHARS} characters, or some that can't be printed")
    name = revoked_name("sub", user) if user else revoked_name("jti", token_id)
    asyncio.run(_revoke(redis.redis_url(redis_url, data), name, for_s))
    typer.echo(json.dumps({"revoked_for_s": for_s}) if as_json else f"revoked for {for_s:,} s")


async def _revoke(url: str, name: str, for_s: int) -> None:
    from simulcast.cli.redis import broker_at
    from simulcast.revocations import RevocationStore
    from simulcast.store.factory import topology_from_url

    async with broker_at(url) as broker, aclosing(topology_from_url(url, max_connections=1)) as servers:
        await RevocationStore(servers, broker).revoke(name, for_s)
