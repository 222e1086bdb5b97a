"""Error replies of Redis and Valkey, and their meaning for the call that got one.

The codes are those of src/server.c, createSharedObjects, and of the sources that it leaves out (cluster.c, sentinel.c),
in Redis 7.0 to 8 and Valkey 7.2 to 9.
"""

from enum import Enum

import redis


class Meaning(Enum):
    """`LATER`: the call was not carried out, and may succeed later or at another server. `FINAL`: it never will."""

    LATER = "later"
    FINAL = "final"


MEANINGS = {
    # The server, or the cluster, is in a state that passes.
    "LOADING": Meaning.LATER,
    "BUSY": Meaning.LATER,  # another client's script or function is running too long
    "MISCONF": Meaning.LATER,  # the disk takes no writes
    "NOREPLICAS": Meaning.LATER,
    "MASTERDOWN": Meaning.LATER,
    "TRYAGAIN": Meaning.LATER,
    "CLUSTERDOWN": Meaning.LATER,
    "UNKILLABLE": Meaning.LATER,  # a function that has written is running
    "INPROG": Meaning.LATER,  # of a Sentinel: a failover is under way
    "NOGOODSLAVE": Meaning.LATER,  # of a Sentinel
    "IDONTKNOW": Meaning.LATER,  # of a Sentinel
    # Another server serves.
    "MOVED": Meaning.LATER,
    "ASK": Meaning.LATER,
    "READONLY": Meaning.LATER,
    "REDIRECT": Meaning.LATER,  # Valkey 8, to clients that announced it
    # Waiting changes nothing: an operator must act, or the call is wrong.
    "OOM": Meaning.FINAL,  # maxmemory is reached: to wait would fill the publisher's memory too
    "NOAUTH": Meaning.FINAL,
    "WRONGPASS": Meaning.FINAL,
    "NOPERM": Meaning.FINAL,
    "DENIED": Meaning.FINAL,  # protected mode
    "NOPROTO": Meaning.FINAL,
    "WRONGTYPE": Meaning.FINAL,
    "CROSSSLOT": Meaning.FINAL,
    "EXECABORT": Meaning.FINAL,
    "NOSCRIPT": Meaning.FINAL,
    "NOTBUSY": Meaning.FINAL,
    "BUSYKEY": Meaning.FINAL,
    "BUSYGROUP": Meaning.FINAL,
    "NOGROUP": Meaning.FINAL,
    "UNBLOCKED": Meaning.FINAL,
    "NOMASTERLINK": Meaning.FINAL,
    "NOQUORUM": Meaning.FINAL,
    "DUPLICATE": Meaning.FINAL,
    "ERR": Meaning.FINAL,
}
_KILLED = "killed by user"  # ERR, to a function that had written nothing yet
_CLASSES: dict[type[redis.RedisError], str] = {  # redis-py leaves the code out of the text of these
    redis.exceptions.ReadOnlyError: "READONLY",
    redis.exceptions.MovedError: "MOVED",
    redis.exceptions.AskError: "ASK",
    redis.exceptions.TryAgainError: "TRYAGAIN",
    redis.exceptions.MasterDownError: "MASTERDOWN",
    redis.exceptions.ClusterDownError: "CLUSTERDOWN",
    redis.exceptions.ClusterCrossSlotError: "CROSSSLOT",
    redis.exceptions.OutOfMemoryError: "OOM",
    redis.exceptions.ExecAbortError: "EXECABORT",
    redis.exceptions.NoPermissionError: "NOPERM",
    redis.exceptions.NoScriptError: "NOSCRIPT",
}


def is_of_keys(reply: object) -> bool:
    """Return whether keys of another type are the reason: calls for other channels may succeed."""
    return isinstance(reply, redis.ResponseError) and str(reply).startswith("WRONGTYPE")


def is_unavailable(reply: object) -> bool:
    """Return whether the call may succeed later, or at another server. False for a reply that is no error."""
    if isinstance(reply, redis.exceptions.AuthenticationError):
        return False  # redis-py makes a ConnectionError of it
    if isinstance(reply, redis.ResponseError):
        code = next((code for kind, code in _CLASSES.items() if isinstance(reply, kind)), str(reply).partition(" ")[0])
        return MEANINGS.get(code, Meaning.FINAL) is Meaning.LATER or _KILLED in str(reply)
    return isinstance(reply, redis.ConnectionError | redis.TimeoutError)
