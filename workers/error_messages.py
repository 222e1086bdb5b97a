"""Why a download failed, in one sentence for the person who asked for it."""

import errno
import socket
import ssl

import aiohttp

from workers.errors import DownloadFailed
from workers.http.address_filter import AddressRefused
from workers.printable import printable

MAX_REASON_CHARS = 500

_NETWORK = {
    errno.ECONNREFUSED: "the connection was refused",
    errno.ECONNRESET: "the connection was reset",
    errno.ECONNABORTED: "the connection was reset",
    errno.EPIPE: "the connection was reset",
    errno.ETIMEDOUT: "the connection timed out",
    errno.ENETUNREACH: "the network is unreachable",
    errno.EHOSTUNREACH: "the host is unreachable",
    errno.EADDRNOTAVAIL: "the network is unreachable",
    errno.EMFILE: "the worker has too many open files",
    errno.ENFILE: "the worker's machine has too many open files",
}
_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than the worker's file system allows",
    errno.EROFS: "the download folder is read-only",
    errno.EACCES: "the worker may not write into the download folder",
    errno.EPERM: "the worker may not write into the download folder",
    errno.ENOENT: "the part file or its folder is gone",
    errno.EIO: "the disk reported an error",
    errno.EMFILE: "the worker has too many open files",
    errno.ENFILE: "the worker's machine has too many open files",
}


def message_for(error: BaseException) -> str:
    """What went wrong, on one line of at most MAX_REASON_CHARS, with no URL, password or query in it.

    `error` is what fetch, publish or open_folder raised. Of any other only the class is named: its text was
    not written for people and may carry anything.
    """
    sentence = printable(_sentence(error))
    return sentence if len(sentence) <= MAX_REASON_CHARS else sentence[: MAX_REASON_CHARS - 1] + "…"


def _sentence(error: BaseException) -> str:
    match error:
        case DownloadFailed() | AddressRefused():
            return str(error)
        case aiohttp.ClientConnectorCertificateError():
            why = _certificate(error.certificate_error)
            return f"the certificate of {error.host} was not accepted: {why}"
        case aiohttp.ClientConnectorError():
            return _no_connection(error)
        case aiohttp.ServerDisconnectedError():
            return "the server closed the connection without an answer"
        case aiohttp.ClientOSError():
            return _NETWORK.get(error.errno or 0, "the connection was lost")
        case aiohttp.ClientError():
            return f"the connection failed ({type(error).__name__})"
        case TimeoutError():
            return "it took too long"
        case OSError():
            return _DISK.get(error.errno or 0, "the file could not be written")
        case _:
            return f"the worker met an unexpected error ({type(error).__name__}); its log says more"


def _no_connection(error: aiohttp.ClientConnectorError) -> str:
    cause = error.os_error
    match cause:
        case AddressRefused():
            return str(cause)
        case socket.gaierror() if cause.errno == socket.EAI_AGAIN:
            return f"the name {error.host} could not be resolved: the name server did not answer"
        case socket.gaierror():
            return f"the name {error.host} could not be resolved"
        case ssl.SSLError():
            what = (cause.reason or "").replace("_", " ").lower()
            return f"no secure connection to {error.host}: {what or 'the TLS handshake failed'}"
        case _:
            what = _NETWORK.get(cause.errno or 0, "no connection could be made")
            return f"{what} ({error.host}, port {error.port})"


def _certificate(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or "it could not be verified"
    return "it could not be verified"
