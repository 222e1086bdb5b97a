"""Why a download ended without a file. Each message is a sentence for people, without secrets.

DownloadFailed
├── UnusableUrl          not http or https, or no address at all; also where a redirect leads
├── TooManyRedirects     more than MAX_REDIRECTS
├── Unreachable          no connection within the time
├── WrongStatus          an answer other than the file
├── BadAnswer            headers that contradict HTTP or each other
│   └── EncodedBody      compressed, although the plain bytes were asked for
├── BrokenOff            the connection ended before the file did
├── Stalled              the server fell silent
├── TooSlow              it sent less than the least that is waited for
├── TooLarge             the file is larger than the worker may download
├── NoRoom               the disk has no room for it
├── WrongDigest          the bytes are not those that were asked for
├── ProxyNotAllowed      the operator doesn't list the proxy
├── ProxyRefused         the proxy answered other than with a connection
├── PartFileChanged      someone else cut or replaced the part file
├── NoFreeName           every numbered variant of the name is taken
└── FolderNotWritable    no file can be made in the download folder

Beside these, a download may raise addresses.AddressRefused, aiohttp.ClientError and OSError (the disk):
reasons.reason puts all of them into words.
"""

from http import HTTPStatus
from pathlib import Path

from simulcast.errors import SimulcastError


def _with_code(status: int) -> str:
    known = {int(code): code.phrase for code in HTTPStatus}
    return f"{status} {known.get(status, '')}".rstrip()


class DownloadFailed(SimulcastError):
    """Base of what ends a download; `str()` is fit for the person who asked for it."""


class InvalidURL(DownloadFailed):
    """The URL, or one that the server redirects to, is none that can be downloaded. Never carries the URL."""


class TooManyRedirects(DownloadFailed):
    def __init__(self, followed: int) -> None:
        super().__init__(f"the server redirected more than {followed} times")


class ConnectError(DownloadFailed):
    """DNS, TCP and TLS together took longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no connection to the server came about within {seconds:g} s")


class HTTPStatusError(DownloadFailed):
    """`status` is the code; the phrase is the standard's, not the server's, which could say anything.

    retry_after_s: for how long the server asks to be left alone, from now on; None where it said nothing of it.
    """

    def __init__(self, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(f"the server answered {_with_code(status)}")
        self.status = status
        self.retry_after_s = retry_after_s


class ProtocolError(DownloadFailed):
    """The answer can't be trusted to be the file."""


class UnexpectedContentEncoding(ProtocolError):
    def __init__(self, encoding: str) -> None:
        super().__init__(f"the server sent the file encoded as {encoding[:40]}, which was not asked for")


class IncompleteBody(DownloadFailed):
    """`received` bytes of `total` are there; `total` is None where the server did not say."""

    def __init__(self, received: int, total: int | None) -> None:
        amount = f"{received} bytes" if total is None else f"{received} of {total} bytes"
        super().__init__(f"the server sent {amount} and closed the connection")
        self.received = received
        self.total = total


class ReadTimeout(DownloadFailed):
    def __init__(self, seconds: float) -> None:
        super().__init__(f"the server sent nothing for {seconds:g} s")


class TooSlow(DownloadFailed):
    """`speed` and `least`: bytes a second, over the last `seconds` of waiting for the server."""

    def __init__(self, speed: float, least: int, seconds: float) -> None:
        super().__init__(f"the server sent {speed:.0f} bytes a second for {seconds:g} s, less than {least:,}")


class TooLarge(DownloadFailed):
    """`size` is None where only so much is known that it is more than `most` bytes."""

    def __init__(self, size: int | None, most: int) -> None:
        what = "more" if size is None else f"{size:,} bytes, more"
        super().__init__(f"the file has {what} than the {most:,} that a worker downloads (SIMULCAST_MAX_FILE_BYTES)")


class DiskFull(DownloadFailed):
    """All in bytes: `needed` more for this file, `free` on the disk, `kept` of which are kept free."""

    def __init__(self, needed: int, free: int, kept: int) -> None:
        super().__init__(
            f"the file needs {needed:,} bytes more, and of {free:,} that are free {kept:,} are kept free "
            "(SIMULCAST_MIN_FREE_BYTES): make room in the download folder"
        )


class ChecksumMismatch(DownloadFailed):
    """Both in hexadecimal digits."""

    def __init__(self, kind: str, found: str, wanted: str) -> None:
        super().__init__(f"the file's {kind} is {found}, and {wanted} was asked for: it is not kept")


class ProxyNotAllowed(DownloadFailed):
    """`proxy` is without user name and password."""

    def __init__(self, proxy: str) -> None:
        super().__init__(f"the proxy {proxy} is none that the operator allows (SIMULCAST_DOWNLOAD_PROXIES)")


class ProxyError(DownloadFailed):
    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answered {_with_code(status)}")
        self.status = status


class PartFileChanged(DownloadFailed):
    def __init__(self, path: Path) -> None:
        super().__init__(f"the part file {path.name} was changed by someone else")


class NoFreeName(DownloadFailed):
    def __init__(self, name: str, tried: int) -> None:
        super().__init__(f"the download folder already holds {name} and {tried} numbered copies of it")


class FolderNotWritable(DownloadFailed):
    """`path` is the folder, `uid` the user that tried; the message ends with the remedy."""

    def __init__(self, path: Path, uid: int, cause: str) -> None:
        super().__init__(
            f"user {uid} can't write into the download folder {path} ({cause}): "
            f"give it to that user (chown -R {uid} {path}), run the worker as the folder's owner "
            "(PUID and PGID for containers), or name another folder in SIMULCAST_DOWNLOAD_DIR"
        )
        self.path = path
        self.uid = uid
