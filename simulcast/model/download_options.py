"""Options of a download. Its secrets are never shown, and are sent to one origin only."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from simulcast.model.commands import MAX_BYTES_PER_S
from simulcast.model.download_url import MAX_CALLBACK_CHARS, MAX_URL_CHARS, validate_callback
from simulcast.model.file_place import FileFolder, FileName
from simulcast.model.start_time import StartTime

MAX_HEADERS: Final = 20
MAX_HEADER_CHARS: Final = 4096
# Algorithms, and the number of hexadecimal digits of each.
DIGESTS: Final[Mapping[str, int]] = {"sha256": 64, "sha512": 128, "sha1": 40, "md5": 32}

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # a token, RFC 9110 §5.6.2
_VALUE = re.compile(r"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")  # RFC 9110 §5.5
# Headers that concern one connection alone (RFC 9110 §7.6.1).
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
# Headers that the worker sends itself: host, framing, ranges and conditions.
_RESERVED = frozenset({"host", "content-length", "content-encoding", "expect", "range", "accept-encoding"})
_RESERVED_PREFIXES = ("if-", "proxy-")


def _validate_headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"are at most {MAX_HEADERS}, not {len(headers)}")
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("name one header twice")
    for name, value in headers.items():
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"{name[:40]!r} is no name of a header")
        if name.lower() in _RESERVED | _HOP_BY_HOP or name.lower().startswith(_RESERVED_PREFIXES):
            raise ValueError(f"{name} can't be given: the worker sets it itself")
        text = value.get_secret_value()
        if len(text) > MAX_HEADER_CHARS or (text and _VALUE.fullmatch(text) is None):
            raise ValueError(
                f"the value of {name} is one line of at most {MAX_HEADER_CHARS:,} printable characters "
                "of Latin-1, without spaces at its ends"
            )
    return headers


def _validate_one_line(secret: SecretStr) -> SecretStr:
    if _VALUE.fullmatch(secret.get_secret_value()) is None:
        raise ValueError("is one line of printable characters of Latin-1")
    return secret


def _validate_password(secret: SecretStr) -> SecretStr:
    if re.search(r"[\x00-\x1f\x7f]", secret.get_secret_value()):
        raise ValueError("has a control character, which no password has")
    return secret


def _validate_checksum(text: str) -> str:
    kind, _, digest = text.lower().partition(":")
    if kind not in DIGESTS:
        raise ValueError(f"begins with one of {', '.join(f'{name}:' for name in DIGESTS)}")
    if re.fullmatch(rf"[0-9a-f]{{{DIGESTS[kind]}}}", digest) is None:
        raise ValueError(f"of {kind} has {DIGESTS[kind]} hexadecimal digits")
    return f"{kind}:{digest}"


def _validate_proxy(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no address") from None
    is_supported = parts.scheme in ("http", "https", "socks5", "socks5h")
    if not is_supported or not host or "\\" in url or parts.path not in ("", "/") or parts.query:
        raise ValueError(
            "looks like http://proxy.example:3128, with user:password@ before the host where it wants that"
        )
    if not url.isascii() or any(character <= " " for character in url):
        raise ValueError("has characters that no address has: percent-encode them")
    return secret


class Basic(BaseModel):
    """A user and a password (RFC 7617)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="forbid")

    user: Annotated[str, Field(max_length=255, pattern=r"^[^:\x00-\x1f\x7f]*$")]
    password: Annotated[SecretStr, Field(max_length=1024), AfterValidator(_validate_password)]


class DownloadOptions(BaseModel):
    """All options may be left out. `str` and `repr` show no secret."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    name: FileName | None = None
    folder: FileFolder | None = None
    checksum: (
        Annotated[
            str,
            Field(description="of the file; one with another checksum isn't published", examples=["sha256:9f86d081…"]),
            AfterValidator(_validate_checksum),
        ]
        | None
    ) = None
    limit_bytes_per_s: Annotated[int, Field(ge=1, le=MAX_BYTES_PER_S)] | None = None
    start_at: StartTime | None = None
    headers: Annotated[
        dict[str, SecretStr],
        Field(description="sent to the URL's origin, to no other"),
        AfterValidator(_validate_headers),
    ] = {}
    bearer: Annotated[SecretStr, Field(max_length=MAX_HEADER_CHARS), AfterValidator(_validate_one_line)] | None = None
    basic: Basic | None = None
    proxy: (
        Annotated[
            SecretStr,
            Field(max_length=MAX_URL_CHARS, description="one of those that the operator allows"),
            AfterValidator(_validate_proxy),
        ]
        | None
    ) = None

    callback_url: (
        Annotated[
            str,
            Field(max_length=MAX_CALLBACK_CHARS, description="told of the download's end, by a POST"),
            AfterValidator(validate_callback),
        ]
        | None
    ) = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        present = [self.bearer is not None, self.basic is not None, "authorization" in map(str.lower, self.headers)]
        if sum(present) > 1:
            raise ValueError("only one of bearer, basic and the header Authorization can be given")
        return self

    def to_json(self) -> str:
        """Encode the options, secrets included, for the job's record alone; "" if all are left out.

        The record has the limit and the start, which may change, and the callback, which is none of the worker's, in
        fields of their own.
        """
        kept = set(DownloadOptions.model_fields) - {"limit_bytes_per_s", "start_at", "callback_url"}
        members = self.model_dump(include=kept, exclude_defaults=True)
        return json.dumps(members, default=SecretStr.get_secret_value, sort_keys=True) if members else ""

    @classmethod
    def from_json(cls, text: str | None) -> "DownloadOptions":
        """Read the result of `to_json`. Raises ValueError, without the text, for anything else."""
        try:
            return cls.model_validate_json(text) if text else NO_OPTIONS
        except ValidationError as error:
            raise ValueError(f"the download's options can't be read: {error.error_count()} of them") from None


NO_OPTIONS: Final = DownloadOptions()
