"""A lock that is given in the order in which it was asked for: the one queue of those who write."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Turns:
    """Threads take turns, first come, first served; `threading.Lock` promises no order, so one could wait for ever.

    >>> turns = Turns()
    >>> with turns.turn():
    ...     pass
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._is_taken = False
        self._waiting: deque[Lock] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for the turn, and hands it on at the end."""
        with self._guard:
            gate = None
            if self._is_taken:
                gate = Lock()
                gate.acquire()
                self._waiting.append(gate)
            self._is_taken = True
        if gate is not None:
            gate.acquire()
        try:
            yield
        finally:
            with self._guard:
                if self._waiting:
                    self._waiting.popleft().release()
                else:
                    self._is_taken = False
