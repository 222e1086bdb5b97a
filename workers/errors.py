"""Why a download ended without a file. Each message is a sentence for people, without secrets.

DownloadFailed
├── InvalidURL           none that can be downloaded, or no address at all; also where a redirect leads
├── TooManyRedirects     more than MAX_REDIRECTS
├── AddressRefused       an address that is not public and that the operator does not allow
├── ConnectionFailed     no connection, a broken one, or one that is not trusted
│   ├── ConnectError     no connection within the time
│   └── NameNotResolved  no address of the host
├── HTTPStatusError      an answer other than the file
├── ProtocolError        headers that contradict HTTP or each other
│   ├── RangeRefused               FTP without REST: the file can only be had from its beginning
│   └── UnexpectedContentEncoding  compressed in a way that can't be undone
├── IncompleteBody       the connection ended before the file did
├── ReadTimeout          the server fell silent
├── TooSlow              it sent less than the least that is waited for
├── TooLarge             the file is larger than the worker may download
├── DiskFull             the disk has no room for it
├── ChecksumMismatch     the bytes are not those that were asked for
├── ProxyNotAllowed      the operator doesn't list the proxy
├── ProxyError           the proxy answered other than with a connection
├── PartFileChanged      someone else cut or replaced the part file
├── NoFreeName           every numbered variant of the name is taken
├── SubfolderRefused     something is in the way of the folder that was asked for
└── FolderNotWritable    no file can be made in the download folder

A download may raise OSError (the disk) too: error_messages.message_for puts all of them into words.
"""

from http import HTTPStatus
from pathlib import Path

from simulcast.errors import SimulcastError

# RFC 9110 §15, and what proxies in front of a server answer while it is away (520 to 530: Cloudflare).
TRANSIENT_STATUS = frozenset({408, 421, 425, 429, 500, 502, 503, 504, 509, *range(520, 531)})


def _describe_status(status: int) -> str:
    phrases = {int(code): code.phrase for code in HTTPStatus}
    return f"{status} {phrases.get(status, '')}".rstrip()


class DownloadFailed(SimulcastError):
    """Base of what ends a download; `str()` is fit for the person who asked for it.

    `transient`: whether the same request may succeed later although nobody changes anything.
    """

    transient: bool = False


class InvalidURL(DownloadFailed):
    """The URL, or one that the server redirects to, is none that can be downloaded. Never carries the URL."""


class TooManyRedirects(DownloadFailed):
    def __init__(self, followed: int) -> None:
        super().__init__(f"the server redirected more than {followed} times")


class AddressRefused(DownloadFailed):
    """A connection to `address` was not even tried. The message names the address and the remedy."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"the address {address[:100]} {why}; only public addresses are downloaded from, "
            "unless SIMULCAST_ALLOW_NETWORKS names their network"
        )
        self.address = address


class ConnectionFailed(DownloadFailed):
    """The connection could not be made, broke, or was not trusted."""

    def __init__(self, text: str, *, transient: bool = True) -> None:
        super().__init__(text)
        self.transient = transient


class ConnectError(ConnectionFailed):
    """DNS, TCP and TLS together took longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no connection to the server came about within {seconds:g} s")


class NameNotResolved(ConnectionFailed):
    """`detail` ends the sentence."""

    def __init__(self, host: str, detail: str, *, transient: bool = True) -> None:
        super().__init__(f"the name {host} could not be resolved{detail}", transient=transient)


class HTTPStatusError(DownloadFailed):
    """`status` is the code; the phrase is the standard's, not the server's, which could be any text.

    retry_after_s: how long the server asks to be left alone, from now on; None where it did not ask.
    """

    def __init__(self, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(f"the server answered {_describe_status(status)}")
        self.status = status
        self.retry_after_s = retry_after_s
        self.transient = status in TRANSIENT_STATUS


class ProtocolError(DownloadFailed):
    """The answer can't be trusted to be the file."""


class RangeRefused(ProtocolError):
    """A protocol other than HTTP has no way to begin at the byte that was asked for."""


class UnexpectedContentEncoding(ProtocolError):
    def __init__(self, encoding: str) -> None:
        super().__init__(f"the server sent the file encoded as {encoding[:40]}, which was not asked for")


class IncompleteBody(DownloadFailed):
    """`received` bytes of `total` are there; `total` is None where the server did not state it."""

    transient = True

    def __init__(self, received: int, total: int | None) -> None:
        amount = f"{received} bytes" if total is None else f"{received} of {total} bytes"
        super().__init__(f"the server sent {amount} and closed the connection")
        self.received = received
        self.total = total


class ReadTimeout(DownloadFailed):
    """Nothing came for `seconds`, or no complete headers within them."""

    transient = True

    def __init__(self, seconds: float, missing: str = "nothing") -> None:
        super().__init__(f"the server sent {missing} for {seconds:g} s")


class TooSlow(DownloadFailed):
    """`speed` and `least`: bytes a second, over the last `seconds` of waiting for the server."""

    transient = True

    def __init__(self, speed: float, least: int, seconds: float) -> None:
        super().__init__(f"the server sent {speed:.0f} bytes a second for {seconds:g} s, less than {least:,}")


class TooLarge(DownloadFailed):
    """`size` is None where only so much is known that it is more than `most` bytes."""

    def __init__(self, size: int | None, most: int) -> None:
        amount = "more" if size is None else f"{size:,} bytes, more"
        super().__init__(f"the file has {amount} than the {most:,} that a worker downloads (SIMULCAST_MAX_FILE_BYTES)")


class DiskFull(DownloadFailed):
    """All in bytes: `needed` more for this file, `free` on the disk, `kept` of which are kept free."""

    def __init__(self, needed: int, free: int, kept: int) -> None:
        super().__init__(
            f"the file needs {needed:,} bytes more, and of {free:,} that are free {kept:,} are kept free "
            "(SIMULCAST_MIN_FREE_BYTES): make room in the download folder"
        )


class ChecksumMismatch(DownloadFailed):
    """Both in hexadecimal digits."""

    def __init__(self, kind: str, actual: str, expected: str) -> None:
        super().__init__(f"the file's {kind} is {actual}, and {expected} was asked for: it is not kept")


class ProxyNotAllowed(DownloadFailed):
    """`proxy` is without user name and password."""

    def __init__(self, proxy: str) -> None:
        super().__init__(f"the proxy {proxy} is none that the operator allows (SIMULCAST_DOWNLOAD_PROXIES)")


class ProxyError(DownloadFailed):
    """`status` is the proxy's; None for a SOCKS proxy, which has none."""

    def __init__(self, status: int | None) -> None:
        reply = "refused the connection" if status is None else f"answered {_describe_status(status)}"
        super().__init__(f"the proxy {reply}")
        self.status = status
        self.transient = status in TRANSIENT_STATUS


class PartFileChanged(DownloadFailed):
    def __init__(self, path: Path) -> None:
        super().__init__(f"the part file {path.name} was changed by someone else")


class NoFreeName(DownloadFailed):
    def __init__(self, name: str, tried: int) -> None:
        super().__init__(f"the download folder already holds {name} and {tried} numbered copies of it")


class SubfolderRefused(DownloadFailed):
    """`what`: what `name` is, and a remedy."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name} in the download folder is {what}, or add the download with another folder")


class FolderNotWritable(DownloadFailed):
    """`path` is the folder, `uid` the user that tried; the message ends with the remedy."""

    def __init__(self, path: Path, uid: int, cause: str, *, is_full: bool = False) -> None:
        of_right = (
            f"give it to that user (chown -R {uid} {path}), run the worker as the folder's owner "
            "(PUID and PGID for containers)"
        )
        remedy = "free some space on its disk" if is_full else of_right
        super().__init__(
            f"user {uid} can't write into the download folder {path} ({cause}): {remedy}, "
            "or name another folder in SIMULCAST_DOWNLOAD_DIR"
        )
        self.path = path
        self.uid = uid
