"""A safe file name from what a server and a URL suggest. No I/O.

Content-Disposition: RFC 6266; its filename* parameter: RFC 8187 (which replaced RFC 5987).
"""

import hashlib
import re
from contextlib import suppress
from email.errors import MessageError
from email.header import decode_header, make_header
from urllib.parse import unquote_to_bytes

from simulcast.model.channel_folder import CHANNELS_FOLDER
from workers.printable import printable

FALLBACK = "download"
MAX_TOKEN_CHARS = 40
_MAX_FILE_SYSTEM_BYTES = 255
MAX_NAME_BYTES = _MAX_FILE_SYSTEM_BYTES - len(".part.") - MAX_TOKEN_CHARS
_MAX_SUFFIX_BYTES = 40
_DIGEST_CHARS = 16

_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*(?:"|\Z)|[^;]*)', re.DOTALL)
_EXTENDED = re.compile(r"([\w-]{0,20})'[^']*'(.*)", re.DOTALL)
_CHARSETS = frozenset({"utf-8", "utf8", "iso-8859-1", ""})  # RFC 8187, and what is taken for them
_OTHER_CHARSETS = re.compile(r"us-ascii|iso-8859-\d+|windows-\d+|gb\w+|big5|euc-\w+|shift_jis|koi8-\w", re.IGNORECASE)
_ENCODED_WORD = re.compile(r"=\?[\w-]+\?[bq]\?[^?]*\?=", re.IGNORECASE)
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_TOKEN_CHARS}}}")
_CLAIM = re.compile(r"[0-9]+-[A-Za-z0-9]+", re.ASCII)
_SUFFIX = re.compile(r"(?:\.tar)?\.[^. ]+\Z", re.IGNORECASE)
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: folders are shared with Windows, too.
_FORBIDDEN_ON_WINDOWS = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
_RESERVED_ON_WINDOWS = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE | re.DOTALL
)


def file_name(disposition: str | None, url_path: str) -> str:
    """The name that the Content-Disposition header suggests, else the URL's last segment, else FALLBACK.

    url_path: as in the URL, percent-encoded. The name is what safe_name promises.
    """
    suggested = _from_disposition(disposition) if disposition is not None else ""
    return safe_name(suggested) or safe_name(_from_path(url_path)) or FALLBACK


def safe_name(text: str) -> str:
    """One visible name in a folder, of at most MAX_NAME_BYTES in UTF-8; empty if nothing is left of `text`.

    The last segment of any path, without leading or trailing dots and spaces, control, format and bidi
    characters, and what Windows forbids or reserves. The suffix is kept where the name must be cut.
    MAX_NAME_BYTES leaves room for `.part.<token>`. safe_name(safe_name(x)) == safe_name(x).
    """
    last = re.split(r"[/\\]", text)[-1]
    name = printable(last, keeps_joiners=True).translate(_FORBIDDEN_ON_WINDOWS).strip(". ")
    if _RESERVED_ON_WINDOWS.fullmatch(name):
        name = f"_{name}"
    stem, suffix = split_suffix(name)
    return _cut(stem, MAX_NAME_BYTES - len(suffix.encode())).rstrip(". \u200c\u200d") + suffix


def published_name(text: str) -> str:
    """Return the name under which a finished file is published: a safe one, and none of a part file or our folder."""
    name = safe_name(text) or FALLBACK
    if name.casefold() == CHANNELS_FOLDER:
        return f"_{name}"
    return name if stem_of_part(name) is None else name.replace(".part.", "_part.")


def published_folder(path: str) -> str:
    """Return the folder below the download folder for the one that was asked for: each name in it a safe one."""
    return "/".join(map(safe_name, path.split("/")))


def split_suffix(name: str) -> tuple[str, str]:
    """`("report", ".tar.gz")`; the suffix is empty if there is none or it is too long to be one."""
    match = _SUFFIX.search(name, 1)
    if match is None or len(match[0].encode()) > _MAX_SUFFIX_BYTES:
        return name, ""
    return name[: match.start()], match[0]


def part_name(download_id: str, token: str) -> str:
    """The name under which the owner of `token` writes; ValueError for a token that fits no name.

    No two downloads share one: an id that isn't a safe name itself is told apart by its digest.
    """
    if not _TOKEN.fullmatch(token):
        raise ValueError(f"a part's token has 1 to {MAX_TOKEN_CHARS} of A-Z a-z 0-9 _ -, not {token[:50]!r}")
    return f"{part_stem(download_id)}.part.{token}"


def stem_of_part(file: str) -> str | None:
    """Return what the names of one download's part files begin with; None for a file of another kind."""
    stem, separator, token = file.rpartition(".part.")
    return stem if separator and _TOKEN.fullmatch(token) else None


def has_claim(file: str) -> bool:
    """Return whether a part file has a token of a claim, a number and a nonce: others write `film.part.1`, too."""
    return _CLAIM.fullmatch(file.rpartition(".part.")[2]) is not None


def is_after(file: str, token: str) -> bool:
    """Return whether a later claim than that of `token` made the part file: the number that tokens begin with rises."""
    return _number(file.rpartition(".part.")[2]) > _number(token)


def is_first_claim(token: str) -> bool:
    """Return whether it is the token of a job that nobody had before."""
    return _number(token) == 1


def _number(token: str) -> int:
    number = token.partition("-")[0]
    return int(number) if number.isdecimal() else 0


def part_stem(download_id: str) -> str:
    """Return what the names of the download's part files begin with."""
    name = safe_name(download_id)
    if name == download_id:
        return name
    digest = hashlib.sha256(download_id.encode()).hexdigest()[:_DIGEST_CHARS]
    return f"{_cut(name or FALLBACK, MAX_NAME_BYTES - _DIGEST_CHARS - 1)}~{digest}"


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore")


def _from_disposition(header: str) -> str:
    parameters: dict[str, str] = {}
    for name, value in _PARAMETER.findall(f";{header}"):  # some servers leave out the type before the first one
        parameters.setdefault(name.lower(), _unquote(value.strip()))
    # RFC 6266 §4.3: the extended form is preferred wherever it stands.
    extended = _EXTENDED.fullmatch(parameters.get("filename*", ""))
    charset, encoded = (extended[1].lower(), extended[2]) if extended else ("", "")
    name = _decode_extended(charset, encoded) if charset in _CHARSETS else ""
    name = name or _join_continuations(parameters) or _decode_plain(parameters.get("filename", ""))
    return name or (_decode_extended(charset, encoded) if _OTHER_CHARSETS.fullmatch(charset) else "")


def _join_continuations(parameters: dict[str, str]) -> str:
    """Return the text of the pieces `filename*0`, `filename*1*` and so on, RFC 2231 §3.

    A character may begin in one and end in the next.
    """
    raw, number = b"", 0
    first = _EXTENDED.fullmatch(parameters.get("filename*0*", ""))
    while True:
        extended = parameters.get(f"filename*{number}*")
        plain = parameters.get(f"filename*{number}")
        if extended is not None:
            raw += unquote_to_bytes(_raw(first[2] if first and not number else extended))
        elif plain is not None:
            raw += _raw(plain)
        else:
            break
        number += 1
    charset = first[1].lower() if first else ""
    if charset in _CHARSETS or _OTHER_CHARSETS.fullmatch(charset):
        with suppress(LookupError, UnicodeError):
            return raw.decode(charset or "utf-8")
    return _decode(raw)


def _unquote(value: str) -> str:
    if not value.startswith('"'):
        return value
    # Only \" and \\ are unescaped: in "C:\dir\file" the backslashes separate folders. A last quote may be missing.
    return re.sub(r'\\(["\\])|"\Z', lambda match: match[1] or "", value[1:])


def _decode_plain(value: str) -> str:
    """Return a plain value as browsers read it: UTF-8 or Latin-1, percent-encoded UTF-8, or words of RFC 2047."""
    if _ENCODED_WORD.search(value):
        with suppress(MessageError, LookupError, ValueError):
            return str(make_header(decode_header(value)))
    text = _decode(_raw(value))  # other bytes than UTF-8 are Latin-1 (RFC 6266 §C.1)
    if _PERCENT.search(text):
        with suppress(UnicodeError):
            return unquote_to_bytes(text).decode()
    return text


def _decode_extended(charset: str, encoded: str) -> str:
    try:
        return unquote_to_bytes(encoded).decode(charset or "utf-8")
    except (LookupError, UnicodeError):
        return ""


def _from_path(path: str) -> str:
    return _decode(unquote_to_bytes(path.rstrip("/").rsplit("/", 1)[-1]))


def _raw(value: str) -> bytes:
    """Return a header's bytes: it comes decoded as UTF-8, with surrogates for other ones."""
    return value.encode(errors="surrogateescape")


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
