"""Something changed: those who watch a project wait for it here."""

from __future__ import annotations

import threading


class Bell:
    """A counter of changes that threads can wait for.

    >>> bell = Bell()
    >>> bell.ring()
    >>> bell.wait(0, timeout_s=1)
    1
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.count = 0

    def ring(self) -> None:
        """Something changed."""
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout_s: float) -> int:
        """The counter, once it is beyond `seen` or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.count > seen, timeout_s)
            return self.count
