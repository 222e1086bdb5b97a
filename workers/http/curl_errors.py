"""Errors of libcurl as errors for people: which of them pass, and none with a URL or a secret."""

import errno
import re

import pycurl

from workers.errors import (
    ConnectError,
    ConnectionFailed,
    DownloadFailed,
    InvalidURL,
    NameNotResolved,
    ProtocolError,
    ProxyError,
    RangeRefused,
    UnexpectedContentEncoding,
)
from workers.http.url import URL, WEB

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
_VERDICT = re.compile(r"(?:verify result|certificate problem): (.*?)(?: \([0-9]+\))?\Z")
# Codes for which pycurl has no name.
_E_AUTH_ERROR, _E_PROXY, _E_TOO_LARGE = 94, 97, 100
_LOGIN = {pycurl.E_LOGIN_DENIED, _E_AUTH_ERROR}
_NO_HTTP = {pycurl.E_UNSUPPORTED_PROTOCOL, pycurl.E_FTP_WEIRD_SERVER_REPLY, _E_TOO_LARGE}
_NO_RANGE = {pycurl.E_FTP_COULDNT_USE_REST, pycurl.E_RANGE_ERROR, pycurl.E_BAD_DOWNLOAD_RESUME}
_NO_FILE = {pycurl.E_REMOTE_FILE_NOT_FOUND, pycurl.E_FTP_COULDNT_RETR_FILE}


def explain(error: pycurl.error, easy: pycurl.Curl, url: URL, connect_timeout_s: float) -> DownloadFailed:
    """Return the error to raise for `error`, which libcurl gave for a request to `url`."""
    code, text = error.args[0], str(error.args[1])
    host, proxy_status = url.host, easy.getinfo(pycurl.HTTP_CONNECTCODE)
    if proxy_status not in (0, 200) and code in (pycurl.E_RECV_ERROR, pycurl.E_COULDNT_CONNECT):
        return ProxyError(proxy_status)
    reply = 0 if url.scheme in WEB else easy.getinfo(pycurl.RESPONSE_CODE)
    if 400 <= reply < 500 or (reply >= 500 and code in _NO_HTTP):  # RFC 959 §4.2: 4xx are temporary
        return ConnectionFailed(f"the server answered {reply}", transient=reply < 500)
    match code:
        case pycurl.E_URL_MALFORMAT:
            return InvalidURL("the URL is not a valid one")
        case pycurl.E_COULDNT_RESOLVE_HOST | pycurl.E_COULDNT_RESOLVE_PROXY:
            return NameNotResolved(host, "")
        case pycurl.E_COULDNT_CONNECT:
            reason = _NETWORK.get(easy.getinfo(pycurl.OS_ERRNO), "no connection could be made")
            return ConnectionFailed(f"{reason} ({host.strip('[]')}, port {url.port})")
        case pycurl.E_OPERATION_TIMEDOUT:
            return ConnectError(connect_timeout_s)
        case pycurl.E_SSL_CONNECT_ERROR:
            _, is_refusal, reason = text.rpartition("::")
            reason = reason.split(" (")[0] if is_refusal else "the TLS handshake failed"
            return ConnectionFailed(f"no secure connection to {host}: {reason}", transient=not is_refusal)
        case pycurl.E_PEER_FAILED_VERIFICATION:
            return ConnectionFailed(_describe_certificate(host, text), transient=False)
        case pycurl.E_GOT_NOTHING:
            return ConnectionFailed("the server closed the connection without an answer")
        case pycurl.E_BAD_CONTENT_ENCODING:
            return UnexpectedContentEncoding("a transfer coding")
    if code == _E_PROXY:
        return ProxyError(None)
    if code in _NO_RANGE:
        return RangeRefused("the server sends the file from its beginning only")
    if code in _NO_FILE:
        return ConnectionFailed("the server has no such file", transient=False)
    if code == pycurl.E_REMOTE_ACCESS_DENIED:
        return ConnectionFailed("the server has no such folder, or does not let this user in", transient=False)
    if code in _LOGIN:
        return ConnectionFailed("the server refused the user or the password", transient=False)
    if code in _NO_HTTP or "too large" in text.lower() or "header" in text.lower():
        return ProtocolError("the server's answer is not valid HTTP")
    if code in (pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR, pycurl.E_PARTIAL_FILE):
        return ConnectionFailed(_NETWORK.get(easy.getinfo(pycurl.OS_ERRNO), "the connection was lost"))
    return ConnectionFailed(f"the connection failed ({pycurl.easy_strerror(code)})")


def _describe_certificate(host: str, text: str) -> str:
    match = _VERDICT.search(text)
    unknown = "it is for another host" if "name" in text else "it could not be verified"
    return f"the certificate of {host} was not accepted: {match[1] if match else unknown}"
