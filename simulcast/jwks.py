"""The JSON Web Key Set of an issuer, fetched by HTTP, bounded in size and time."""

from io import BytesIO

import pycurl

from simulcast.curl_tls import tls_options

FETCH_TIMEOUT_S = 5.0
MAX_JWKS_BYTES = 256 * 1024


def fetch_jwks(url: str) -> bytes:
    """Return the body at that address. Blocks for FETCH_TIMEOUT_S at most. Raises ValueError with the reason.

    No redirect is followed, since it could lead from https to anywhere.
    """
    body = BytesIO()

    def write(part: bytes) -> int:
        return body.write(part) if body.tell() + len(part) <= MAX_JWKS_BYTES else -1

    easy = pycurl.Curl()
    try:
        easy.setopt(pycurl.URL, url)
        easy.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        easy.setopt(pycurl.NOSIGNAL, 1)
        for option, value in tls_options().items():
            easy.setopt(option, value)
        easy.setopt(pycurl.TIMEOUT_MS, round(FETCH_TIMEOUT_S * 1000))
        easy.setopt(pycurl.HTTPHEADER, ["Accept: application/jwk-set+json, application/json"])
        easy.setopt(pycurl.ACCEPT_ENCODING, "")
        easy.setopt(pycurl.WRITEFUNCTION, write)
        easy.perform()
        status = easy.getinfo(pycurl.RESPONSE_CODE)
    except pycurl.error as error:
        if error.args[0] == pycurl.E_WRITE_ERROR:
            raise ValueError(f"it has more than {MAX_JWKS_BYTES // 1024} KiB") from error
        raise ValueError(f"it does not answer ({error.args[1]})") from error
    finally:
        easy.close()
    if status != 200:
        raise ValueError(f"it answers with status {status}: name the address of the keys itself")
    return body.getvalue()
