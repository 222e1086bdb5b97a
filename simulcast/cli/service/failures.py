"""Failures on the way to a service, and refusals by it, in words for the user."""

import json
import ssl
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage, InvalidURL

from simulcast.cli.errors import ServiceUnavailable, TokenRefused
from simulcast.cli.service.token import REMEDY
from simulcast.cli.watch.job_table import clean
from simulcast.errors import CommandError
from simulcast.store.url import redacted_url

_NO_ROUTE = "Not Found"  # Starlette's, where no route has the path


def explain_failure(error: Exception, place: str) -> CommandError:
    """Describe why nothing answered at `place`, and the remedy."""
    match error:
        case ssl.SSLCertVerificationError():
            return CommandError(
                f"the certificate of {place} is not trusted: {error.verify_message}. "
                "SSL_CERT_FILE names the file of another authority"
            )
        case ssl.SSLError():
            return CommandError(f"{place} does not speak TLS ({error.reason}): does it begin with http:// or ws://?")
        case TimeoutError():
            return ServiceUnavailable(f"{place} does not answer in time")
        case OSError() if isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error):
            return ServiceUnavailable(f"no server at {place} (start one with `simulcast up`)")
        case InvalidURL():
            return CommandError(f"{clean(place)} has characters that no address has: percent-encode them")
        case HTTPException() | EOFError():
            return ServiceUnavailable(f"{place} does not answer in HTTP: does it begin with https:// or wss://?")
        case OSError():
            return ServiceUnavailable(f"no server at {place}: {clean(error.strerror or str(error))}")
        case _:
            return CommandError(f"{place} can't be reached: its host is no name of one")


def explain_refusal(status: int, headers: HTTPMessage | Mapping[str, str], body: bytes, place: str) -> CommandError:
    """Describe an answer with a status that means no success, and the remedy."""
    detail = read_detail(body)
    if status in (401, 403):
        remedy = REMEDY if status == 401 else ""
        return TokenRefused(f"{place} refuses that ({status}): {detail or 'is its path right?'}{remedy}")
    if status in (429, 502, 503, 504):
        retry_after = clean(headers.get("Retry-After", ""))
        when = f"; try again in {retry_after} s" if retry_after.isdecimal() else ""
        return ServiceUnavailable(f"{place} is not ready ({status}): {detail or 'try again later'}{when}")
    if location := headers.get("Location", ""):
        return CommandError(
            f"{place} refuses that ({status}): it redirects to {clean(redacted_url(location))}, give that with --url"
        )
    if detail and detail != _NO_ROUTE:
        return CommandError(detail if status in (404, 409, 413, 422) else f"{place} refuses that ({status}): {detail}")
    return CommandError(f"{place} is no Simulcast with a REST API ({status}): is its path right?")


def read_detail(body: bytes) -> str:
    """Return the reason of a refusal, fit for a terminal; "" where the body has none."""
    try:
        detail = json.loads(body).get("detail")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return clean(detail) if isinstance(detail, str) else ""
