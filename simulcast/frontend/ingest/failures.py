"""Failures of a listener's session: those of Redis and the network, and unexpected ones."""

import redis

from simulcast.errors import BrokerUnavailable
from simulcast.store.functions import translate_error
from simulcast.store.replies import is_of_keys


def is_expected(error: BaseException) -> bool:
    """Return whether the error, or each of its group, is one of Redis or of the network."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_expected, error.exceptions))
    return isinstance(error, BrokerUnavailable | redis.RedisError | OSError)


def is_of_channel(error: BaseException) -> bool:
    """Return whether a key of one channel has another type."""
    return isinstance(error, BrokerUnavailable) and is_of_keys(error.__cause__)


def describe(error: BaseException) -> str:
    """Return why no events arrive."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(describe, error.exceptions))
    if isinstance(error, redis.RedisError):
        error = translate_error(error, "subscribe")
    if isinstance(error, BrokerUnavailable):
        return str(error)
    if not is_expected(error):
        return f"unexpected error: {type(error).__name__}: {error}"
    return f"Redis does not answer ({error or type(error).__name__})"
