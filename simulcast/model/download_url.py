"""URLs that can be downloaded."""

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

MAX_URL_CHARS: Final = 4096


def validate_url(url: str) -> str:
    """Return the URL of a download as it is. Raises ValueError, whose text is a predicate and shows nothing of it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no web address: its host or port is not valid") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("must begin with http:// or https://")
    if not host:
        raise ValueError("must name a host, as https://example.com/file.iso does")
    if " " in url or not url.isprintable():
        raise ValueError("must not contain spaces or unprintable characters: percent-encode them (a space is %20)")
    if len(url) > MAX_URL_CHARS:
        raise ValueError(f"has {len(url):,} characters, and may have {MAX_URL_CHARS:,}")
    return url


DownloadURL = Annotated[
    str, Field(max_length=MAX_URL_CHARS, examples=["https://example.com/file.iso"]), AfterValidator(validate_url)
]
