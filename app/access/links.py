"""Links to one file: signed, good for minutes, and for nothing else. A browser's own link can send no token.

A link is a JSON Web Token (HS256) in the query. Its audience keeps it and the tokens of clients apart, and it names the
user and the id of the token that made it, so that their revocation ends it, too.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import jwt
from fastapi import HTTPException
from jwt.types import Options
from starlette.types import Scope

from simulcast.frontend.grant import Grant

LINK_LIFE_S = 300
MAX_LINK_CHARS = 4096
CLOCK_LEEWAY_S = 60
"""How far the clock of the front-end that made a link may be ahead."""

_AUDIENCE = "GET of a file"  # which HEAD is a part of
_OPTIONS: Options = {"require": ["exp", "aud"], "verify_exp": False, "verify_sub": False, "verify_jti": False}
KeyOf = Callable[[int], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class FileLink:
    """The permission in a link. `grant`: for files of `channel`, with the names by which it is revoked.

    `created_at`: of the download, since another one may get the id of one that is deleted.
    """

    grant: Grant
    channel: str
    download_id: str
    created_at: float


async def make_link(
    key_of: KeyOf, grant: Grant, channel: str, download_id: str, created_at: float, now: float
) -> tuple[str, int]:
    """Return the link of a download's file, and its end in seconds since 1970: no later than that of the grant.

    `key_of`: the key of links that end then. Raises BrokerUnavailable.
    """
    ends_at = int(min(now + LINK_LIFE_S, grant.expires_at))
    claims = {"aud": _AUDIENCE, "exp": ends_at, "file": [channel, download_id, created_at]}
    claims |= {"sub": grant.user, "jti": grant.token_id}
    return jwt.encode(claims, await key_of(ends_at), "HS256"), ends_at


async def read_link(key_of: KeyOf, link: str, now: float) -> FileLink:
    """Return the permission in a link. Raises HTTPException 400 and 403, BrokerUnavailable."""
    if len(link) > MAX_LINK_CHARS:
        raise HTTPException(400, f"a link has at most {MAX_LINK_CHARS:,} characters: get a new one")
    invalid = HTTPException(403, "the link is not valid: get a new one")
    try:
        ends_at = jwt.decode(link, options={"verify_signature": False}).get("exp")
        # A forged end would make keys in Redis.
        if type(ends_at) is not int or ends_at > now + LINK_LIFE_S + CLOCK_LEEWAY_S:
            raise invalid
        if ends_at <= now:
            raise HTTPException(403, "the link has expired: get a new one")
        key = await key_of(ends_at)
        claims = jwt.decode(link, key, algorithms=["HS256"], audience=_AUDIENCE, options=_OPTIONS)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise invalid from error
    channel, download_id, created_at = claims["file"]
    grant = Grant(frozenset({"files"}), (channel,), float(ends_at), claims["sub"], claims["jti"])
    return FileLink(grant, channel, download_id, created_at)


def take_links(scope: Scope) -> None:
    """Move `link=` from the query of a request to `links_of`: a server would log it."""
    others, links = [], []
    for parameter in scope["query_string"].split(b"&"):
        name, _, value = parameter.decode("latin-1").partition("=")
        if unquote(name).lower() == "link":
            links.append(unquote(value))
        else:
            others.append(parameter)
    if links:
        scope["query_string"] = b"&".join(others)
        scope.setdefault("state", {})["links"] = links


def links_of(scope: Scope) -> Sequence[str]:
    """Return the links that the query of a request had."""
    links: Sequence[str] = scope.get("state", {}).get("links", ())
    return links
