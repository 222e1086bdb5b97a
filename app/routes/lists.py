"""The members that the answers of all lists have."""

from typing import Annotated, Any

from fastapi import Response
from pydantic import BaseModel, Field

from simulcast.model.job_page import JobPage


class ListAnswer(BaseModel):
    """One page of a list."""

    total: Annotated[int, Field(description="the number of all that match; of a search, of those that were looked at")]
    next_cursor: Annotated[str | None, Field(description="the `cursor` of the next page")]
    is_complete: Annotated[bool, Field(description="false where some that match may be missing")]


def encode_list(name: str, page: JobPage[Any]) -> Response:
    """Return the answer, whose records are the member `name`."""
    return Response(b'{"%s":%s}' % (name.encode(), page.encoded), media_type="application/json")
