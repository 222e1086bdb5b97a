"""The front-end: one subscription to Redis, fanned out to every client that is connected to this process.

`FrontEnd` is for an application of your own: see docs/embedding.md. The rooms below are its parts.
"""

from simulcast.frontend.authorization import TokenInFirstMessage
from simulcast.frontend.front_end import FrontEnd
from simulcast.frontend.grant import Grant

__all__ = ["FrontEnd", "Grant", "TokenInFirstMessage"]
