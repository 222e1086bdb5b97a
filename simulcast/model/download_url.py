"""URLs that can be downloaded."""

from collections.abc import Collection
from typing import Annotated, Final, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo

MAX_URL_CHARS: Final = 4096
MAX_CALLBACK_CHARS: Final = 2048
Scheme = Literal["http", "https", "ftp", "ftps", "sftp"]
WEB: Final[tuple[Scheme, ...]] = ("http", "https")


def validate_url(url: str, schemes: Collection[str] = WEB) -> str:
    """Return the URL of a download as it is. Raises ValueError, whose text is a predicate and shows nothing of it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no web address: its host or port is not valid") from None
    if parts.scheme not in schemes:
        remedy = ": SIMULCAST_DOWNLOAD_SCHEMES allows further kinds" if parts.scheme in get_args(Scheme) else ""
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}{remedy}")
    if not host:
        raise ValueError("must name a host, as https://example.com/file.iso does")
    if " " in url or not url.isprintable():
        raise ValueError("must not contain spaces or unprintable characters: percent-encode them (a space is %20)")
    if len(url) > MAX_URL_CHARS:
        raise ValueError(f"has {len(url):,} characters, and may have {MAX_URL_CHARS:,}")
    return url


def validate_callback(url: str) -> str:
    """Return the address that is told of an end as it is. Raises as `validate_url`."""
    if len(url) > MAX_CALLBACK_CHARS:
        raise ValueError(f"has {len(url):,} characters, and may have {MAX_CALLBACK_CHARS:,}")
    return validate_url(url)


def _validate_in_context(url: str, info: ValidationInfo) -> str:
    return validate_url(url, (info.context or {}).get("schemes", WEB))


# The validation's context may name `schemes`.
DownloadURL = Annotated[
    str,
    Field(max_length=MAX_URL_CHARS, examples=["https://example.com/file.iso"]),
    AfterValidator(_validate_in_context),
]
