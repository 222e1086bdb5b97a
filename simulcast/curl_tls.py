"""TLS of all requests by libcurl: 1.2 or newer, and the authorities that Python trusts, which libcurl does not know."""

import ssl

import pycurl


def tls_options() -> dict[int, object]:
    """Return the options of a request. The authorities are the system's, or those of SSL_CERT_FILE and _DIR."""
    paths = ssl.get_default_verify_paths()
    options: dict[int, object] = {pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2}
    for path, names in (
        (paths.cafile, (pycurl.CAINFO, pycurl.PROXY_CAINFO)),
        (paths.capath, (pycurl.CAPATH, pycurl.PROXY_CAPATH)),
    ):
        options |= {name: path for name in names if path}
    return options
