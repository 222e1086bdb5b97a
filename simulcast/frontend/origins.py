"""The check of `Origin`, without which a page of another site could connect by a visitor's browser. Does no I/O."""

from collections.abc import Collection

from simulcast.model.origin import PAGE_SCHEMES, host_and_port, is_loopback_origin


def check_origin(origin: str | None, host: str, scheme: str, allowed: Collection[str] = ()) -> str | None:
    """Return why an `Origin` header is refused, or None.

    Programs that are no browsers send none, and pass; so do pages of `host` itself, and those of `is_allowed_origin`.
    """
    if origin is None or is_allowed_origin(origin, allowed):
        return None
    kind, _, netloc = origin.lower().partition("://")
    place = host_and_port(netloc, kind)
    if kind in PAGE_SCHEMES and place[0] and place == host_and_port(host.lower(), kind):
        return None
    return (
        f"pages of {origin[:100]!r} may not use this service (served as {scheme}://{host[:100]}): "
        "SIMULCAST_ALLOWED_ORIGINS names those that may"
    )


def is_allowed_origin(origin: str, allowed: Collection[str]) -> bool:
    """Return whether pages of an origin may use a service of another one.

    Those of this machine may: localhost, 127.0.0.1, [::1], with any port. So may those of `allowed`: an origin, such as
    https://app.example.com or chrome-extension://abc; one with any port, http://build.example.com:*; or * for all.
    """
    return "*" in allowed or is_loopback_origin(origin) or any(_matches(pattern, origin) for pattern in allowed)


def _matches(pattern: str, origin: str) -> bool:
    kind, separator, netloc = origin.lower().partition("://")
    wanted_kind, _, wanted = pattern.lower().partition("://")
    if not separator or kind != wanted_kind:
        return False
    host, port = host_and_port(netloc, kind)
    if wanted.endswith(":*"):
        return bool(host) and host == host_and_port(wanted.removesuffix(":*"), kind)[0]
    return bool(host) and (host, port) == host_and_port(wanted, kind)
