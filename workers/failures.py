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
├── PartFileChanged      someone else cut or replaced the part file
├── NoFreeName           every numbered variant of the name is taken
└── FolderNotWritable    no file can be made in the download folder

Beside these, a download may raise addresses.AddressRefused, aiohttp.ClientError and OSError (the disk):
reasons.reason puts all of them into words.
"""

from http import HTTPStatus
from pathlib import Path

from simulcast.errors import SimulcastError


class DownloadFailed(SimulcastError):
    """Base of what ends a download; `str()` is fit for the person who asked for it."""


class UnusableUrl(DownloadFailed):
    """The URL, or one that the server redirects to, is none that can be downloaded. Never carries the URL."""


class TooManyRedirects(DownloadFailed):
    def __init__(self, followed: int) -> None:
        super().__init__(f"the server redirected more than {followed} times")


class Unreachable(DownloadFailed):
    """DNS, TCP and TLS together took longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no connection to the server came about within {seconds:g} s")


class WrongStatus(DownloadFailed):
    """`status` is the code; the phrase is the standard's, not the server's, which could say anything."""

    def __init__(self, status: int) -> None:
        known = {int(code): code.phrase for code in HTTPStatus}
        super().__init__(f"the server answered {status} {known.get(status, '')}".rstrip())
        self.status = status


class BadAnswer(DownloadFailed):
    """The answer can't be trusted to be the file."""


class EncodedBody(BadAnswer):
    def __init__(self, encoding: str) -> None:
        super().__init__(f"the server sent the file encoded as {encoding[:40]}, which was not asked for")


class BrokenOff(DownloadFailed):
    """`received` bytes of `total` are there; `total` is None where the server did not say."""

    def __init__(self, received: int, total: int | None) -> None:
        amount = f"{received} bytes" if total is None else f"{received} of {total} bytes"
        super().__init__(f"the server sent {amount} and closed the connection")
        self.received = received
        self.total = total


class Stalled(DownloadFailed):
    def __init__(self, seconds: float) -> None:
        super().__init__(f"the server sent nothing for {seconds:g} s")


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
