"""All that clients add, list and publish, by REST and over a WebSocket: one model for both ways."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator

from simulcast.model.channel import CHANNEL_PATTERN, DEFAULT_CHANNEL
from simulcast.model.download_options import DownloadOptions
from simulcast.model.download_url import DownloadURL
from simulcast.model.events import MAX_ID_CHARS, MAX_TTL_S
from simulcast.model.job_page import MAX_CURSOR_CHARS, Cursor, parse_cursor
from simulcast.model.job_record import Query, Sort, State
from simulcast.model.own_job import MAX_KIND_CHARS, JobQuery, JobState
from simulcast.model.queue_place import Priority
from simulcast.model.revocation import MAX_NAME_CHARS

MAX_PAGE = 500
MAX_SEARCH_CHARS = 200
NEW_ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$"


class AddDownload(DownloadOptions):
    """The address of a download and its options; all but `url` may be left out."""

    model_config = ConfigDict(extra="forbid")

    url: DownloadURL
    download_id: Annotated[
        str | None,
        Field(pattern=NEW_ID_PATTERN, description="best random: a repetition with it gets what it added before"),
    ] = None
    priority: Priority = 0
    again: Annotated[bool, Field(description="add it though the same URL and options are there already")] = False
    owner: Annotated[
        str | None,
        Field(min_length=1, max_length=MAX_NAME_CHARS, description="the user it is for: the token's, without it"),
    ] = None


class ListPage(BaseModel):
    """Members of every list: the owner of its jobs, and the place where its page begins."""

    owner: Annotated[str, Field(max_length=MAX_NAME_CHARS, description="the user who added them")] = ""
    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: Annotated[
        str,
        Field(max_length=MAX_CURSOR_CHARS, description="the `next_cursor` of the page before, in place of `offset`"),
    ] = ""

    @field_validator("cursor")
    @classmethod
    def _check_cursor(cls, text: str) -> str:
        return text and parse_cursor(text).encode()

    @property
    def place(self) -> Cursor | None:
        """The place behind which the page begins, None for the offset."""
        return parse_cursor(self.cursor) if self.cursor else None


class ListDownloads(ListPage):
    """A page of downloads: of one state and one owner, or of all, by a search in their names and hosts."""

    state: State | None = None
    search: Annotated[str, Field(max_length=MAX_SEARCH_CHARS, description="text in the name or the host")] = ""
    sort: Sort = "created_at"
    order: Literal["asc", "desc"] = "desc"

    def to_query(self) -> Query:
        """Return the page as the jobs take it."""
        return Query(
            state=self.state,
            sort=self.sort,
            descending=self.order == "desc",
            offset=self.offset,
            limit=self.limit,
            owner=self.owner,
            search=self.search,
            cursor=self.place,
        )


class ListJobs(ListPage):
    """A page of jobs of any kind, the newest first: of one state, one kind and one owner, or of all."""

    state: JobState | None = None
    kind: Annotated[str | None, Field(max_length=MAX_KIND_CHARS)] = None

    def to_query(self) -> JobQuery:
        """Return the page as the jobs take it."""
        return JobQuery(self.state, self.kind, self.offset, self.limit, self.owner, self.place)


class GetDownload(BaseModel):
    """One download."""

    download_id: Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)]


class PublishItem(BaseModel):
    """One event; all but `event` may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    event: Annotated[Any, WithJsonSchema({"type": "object"})]
    channel: Annotated[str, Field(json_schema_extra={"pattern": f"^{CHANNEL_PATTERN}$"})] = DEFAULT_CHANNEL
    key: Annotated[str, Field(max_length=MAX_ID_CHARS, description="newer events supersede older ones")] = ""
    idempotency_key: Annotated[str, Field(max_length=MAX_ID_CHARS)] = ""
    ttl_s: Annotated[int | None, Field(ge=1, le=MAX_TTL_S, description="silence after which the key expires")] = None
    ends: Annotated[bool, Field(description="this event ends its key")] = False


def first_error(errors: Sequence[Mapping[str, Any]]) -> str:
    """Return pydantic's first error: the member or parameter, and the reason."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("query", "path")) or "the body"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"
