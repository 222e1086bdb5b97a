"""Methods of a Gateway whose answer has content: add, get and list downloads, publish, subscribe."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import cast

from simulcast.gateway.downloads import AddedDownload, Download, DownloadPage, read_download
from simulcast.gateway.resume_position import ResumePosition


class RequestMethods(ABC):
    """Each returns the server's answer, and raises as `simulcast.gateway.commands.CommandMethods` do.

    A connection that is lost meanwhile does no harm: the request is sent again, and carried out once. `channel`: "" for
    the user's own, or else `downloads`.
    """

    _position: ResumePosition

    async def add(
        self,
        url: str,
        *,
        download_id: str | None = None,
        priority: int = 0,
        again: bool = False,
        name: str | None = None,
        folder: str | None = None,
        checksum: str | None = None,
        limit_bytes_per_s: int | None = None,
        start_at: float | str | None = None,
        headers: Mapping[str, str] | None = None,
        bearer: str | None = None,
        basic: tuple[str, str] | None = None,
        proxy: str | None = None,
        owner: str | None = None,
        channel: str = "",
        callback_url: str | None = None,
        deadline_s: float = 10.0,
    ) -> AddedDownload:
        """Queue a download, or return the one of the same URL and options, unless `again`.

        `download_id`: an id of your own, with which a later call gets the same download. `basic`: user and password.
        The others are those of `POST /downloads` (docs/protocol.md). Raises CommandRejected, with the reason
        `invalid_member` for one that makes no sense, and `conflict` for an id that is another download's.
        """
        members: dict[str, object] = {
            "url": url,
            "download_id": download_id or secrets.token_hex(8),  # a repetition is recognised by it
            "priority": priority or None,
            "again": again or None,
            "name": name,
            "folder": folder,
            "checksum": checksum,
            "limit_bytes_per_s": limit_bytes_per_s,
            "start_at": start_at,
            "headers": dict(headers) if headers else None,
            "bearer": bearer,
            "basic": basic and {"user": basic[0], "password": basic[1]},
            "proxy": proxy,
            "owner": owner,
            "channel": channel or None,
            "callback_url": callback_url,
        }
        answer = await self._ask("add_download", members, deadline_s)
        return read_download(AddedDownload, answer["download"])

    async def get(self, download_id: str, *, channel: str = "", deadline_s: float = 10.0) -> Download:
        """Return one download. Raises CommandRejected, with the reason `unknown_download` if there is none."""
        members = {"download_id": download_id, "channel": channel or None}
        answer = await self._ask("get_download", members, deadline_s)
        return read_download(Download, answer["download"])

    async def list(
        self,
        *,
        state: str | None = None,
        sort: str | None = None,
        order: str | None = None,
        owner: str | None = None,
        search: str | None = None,
        cursor: str | None = None,
        offset: int = 0,
        limit: int = 100,
        channel: str = "",
        deadline_s: float = 10.0,
    ) -> DownloadPage:
        """Return a page of downloads, the newest first, or as the parameters of `GET /downloads` say.

        `cursor`: the `next_cursor` of the page before, in place of `offset`. `limit`: at most 500. `deadline_s`: for
        each of the answers of 64 KiB that make the page up.
        """
        downloads: tuple[Download, ...] = ()
        query = {"state": state, "sort": sort, "order": order, "owner": owner, "search": search}
        query["channel"] = channel or None
        while True:
            place = {"cursor": cursor} if cursor else {"offset": offset + len(downloads)}
            members: dict[str, object] = {**query, **place, "limit": limit - len(downloads)}
            answer = await self._ask("list_downloads", members, deadline_s)
            records, total = cast("tuple[object, ...]", answer["downloads"]), cast(int, answer["total"])
            downloads += tuple(read_download(Download, record) for record in records)
            cursor, is_complete = cast("str | None", answer.get("next_cursor")), answer.get("is_complete") is not False
            is_last = "next_cursor" in answer and cursor is None
            is_cut_short = search is not None and not is_complete
            if is_last or is_cut_short or not records or len(downloads) >= min(limit, total - offset):
                return DownloadPage(downloads, total, cursor, is_complete)

    async def publish(
        self,
        event: Mapping[str, object],
        channel: str = "",
        *,
        key: str = "",
        idempotency_key: str = "",
        ttl_s: int | None = None,
        ends: bool = False,
        deadline_s: float = 10.0,
    ) -> str:
        """Publish an event, where the token allows that, and return its event_id.

        The options are those of `POST /publish` (docs/publishing.md). With the command about 16 KiB at most: larger
        events go by REST. Raises CommandRejected, with the reason `not_allowed` for another token.
        """
        members: dict[str, object] = {
            "channel": channel or None,
            "event": dict(event),
            "key": key or None,
            "idempotency_key": idempotency_key or secrets.token_hex(8),  # once, though it may be sent again
            "ttl_s": ttl_s,
            "ends": ends or None,
        }
        return str((await self._ask("publish", members, deadline_s))["published"])

    async def subscribe(self, channel: str, since: str | None = None, *, deadline_s: float = 10.0) -> None:
        """Follow one more channel: from its snapshot on, or from the position `since`. Events name their channel then.

        A new connection follows it too. Raises CommandRejected: `not_allowed`, `too_many_channels`, `unavailable`.
        """
        members: dict[str, object] = {} if since is None else {"since": since}
        answer = await self._request("subscribe", {"channel": channel}, deadline_s, members)
        self._position.follow(cast("tuple[str, ...]", answer.get("channels", ())), channel)

    async def unsubscribe(self, channel: str, *, deadline_s: float = 10.0) -> None:
        """Follow a channel no longer. Harmless if it isn't followed."""
        answer = await self._request("unsubscribe", {"channel": channel}, deadline_s, {})
        self._position.follow(cast("tuple[str, ...]", answer.get("channels", ())), "")

    async def _ask(self, action: str, members: Mapping[str, object], deadline_s: float) -> Mapping[str, object]:
        given = {name: value for name, value in members.items() if value is not None}
        return await self._request(action, {}, deadline_s, given)

    @abstractmethod
    async def _request(
        self, action: str, target: dict[str, str], deadline_s: float, members: Mapping[str, object]
    ) -> Mapping[str, object]: ...
