"""How fast a crowd is let in: handshakes take at most half of the loop, so events wait for none of them."""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable

from simulcast.frontend.transport.handshake import Endpoint, Handshake

MIN_TURN_S = 0.002
MAX_TURN_S = 0.02
MAX_PER_TURN = 16  # of the loop: tasks decide about tokens, and take their time in the next turn

_log = logging.getLogger("simulcast.server")


class HandshakeQueue:
    """Serves handshakes in their order, in each turn of the loop for as long as everything else took since the last.

    That is at least MIN_TURN_S and at most MAX_TURN_S. The queue is bounded by the limit of connections.
    """

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, monotonic, and finer than the loop's time."""
        self._endpoint = endpoint
        self._clock = clock
        self._waiting: deque[Handshake] = deque()
        self._in_turn = False  # while `_until` and `_left` are those of this turn
        self._until = 0.0
        self._left = 0
        self._served_at = -math.inf

    def put(self, handshake: Handshake) -> None:
        """Serve a handshake, in this turn or a later one."""
        self._waiting.append(handshake)
        if not self._in_turn:
            self._begin_turn()
        self._serve()

    def _begin_turn(self) -> None:
        now = self._clock()
        self._until = now + min(max(now - self._served_at, MIN_TURN_S), MAX_TURN_S)
        self._left = MAX_PER_TURN
        self._in_turn = True
        asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._in_turn = False
        if self._waiting:
            self._begin_turn()
            self._serve()

    def _serve(self) -> None:
        while self._waiting and self._left and self._clock() < self._until:
            handshake = self._waiting.popleft()
            if handshake.connection.transport.is_closing():
                continue  # clients that gave up cost the others nothing
            self._left -= 1
            try:
                handshake.serve(self._endpoint)
            except Exception:
                _log.exception("a handshake failed")
                handshake.connection.abort()
            self._served_at = self._clock()
