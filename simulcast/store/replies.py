"""Error replies of Redis and Valkey, and their meaning for the call that got one.

The codes are those of src/server.c, createSharedObjects, and of the sources that it leaves out (cluster.c, sentinel.c),
in Redis 7.0 to 8 and Valkey 7.2 to 9.
"""

import re

import redis

# The call was not carried out, and may succeed later or at another server. After any other code waiting changes
# nothing: an operator must act, or the call is wrong. Calls that wait for room in a full Redis (OOM) would fill this
# process, too.
TEMPORARY_CODES = frozenset(
    {
        # The server, or the cluster, is in a state that passes.
        "LOADING",
        "BUSY",  # another client's script or function is running too long
        "MISCONF",  # the disk takes no writes
        "NOREPLICAS",
        "MASTERDOWN",
        "TRYAGAIN",
        "CLUSTERDOWN",
        "UNKILLABLE",  # a function that has written is running
        "INPROG",  # of a Sentinel: a failover is under way
        "NOGOODSLAVE",  # of a Sentinel
        "IDONTKNOW",  # of a Sentinel
        # Another server serves.
        "MOVED",
        "ASK",
        "READONLY",
        "REDIRECT",  # Valkey 8, to clients that announced it
    }
)
# Of the code ERR, which all else has that is final.
_TEMPORARY_TEXT = re.compile(
    "killed by user"  # a function that had written nothing yet
    "|max number of clients"  # a server has no room for the connection; it closes it
)
_CLASSES: dict[type[redis.RedisError], str] = {  # redis-py leaves the code out of the text of these
    redis.exceptions.ReadOnlyError: "READONLY",
    redis.exceptions.MovedError: "MOVED",
    redis.exceptions.AskError: "ASK",
    redis.exceptions.TryAgainError: "TRYAGAIN",
    redis.exceptions.MasterDownError: "MASTERDOWN",
    redis.exceptions.ClusterDownError: "CLUSTERDOWN",
}


def is_of_keys(reply: object) -> bool:
    """Return whether keys of another type are the reason: calls for other channels may succeed."""
    return isinstance(reply, redis.ResponseError) and str(reply).startswith("WRONGTYPE")


def is_full(reply: object) -> bool:
    """Return whether the server has no memory for the call."""
    return isinstance(reply, redis.exceptions.OutOfMemoryError)


def is_unavailable(reply: object) -> bool:
    """Return whether the call may succeed later, or at another server. False for a reply that is no error."""
    if isinstance(reply, redis.exceptions.AuthenticationError):
        return False  # redis-py makes a ConnectionError of it
    if isinstance(reply, redis.ResponseError):
        code = next((code for kind, code in _CLASSES.items() if isinstance(reply, kind)), str(reply).partition(" ")[0])
        return code in TEMPORARY_CODES or _TEMPORARY_TEXT.search(str(reply)) is not None
    return isinstance(reply, redis.ConnectionError | redis.TimeoutError)
