"""What time it is for leases: a clock that nobody can set back while the process lives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Seconds since 1970."""


def steady_clock() -> Clock:
    """The wall clock of now, carried on by a clock that only runs forward: setting the wall clock moves no lease.

    >>> clock = steady_clock()
    >>> clock() <= clock()
    True
    """
    # CLOCK_BOOTTIME also counts the hours in which a laptop sleeps; only Linux has it.
    source = getattr(time, "CLOCK_BOOTTIME", None)
    elapsed = time.monotonic if source is None else lambda: time.clock_gettime(source)
    start = time.time() - elapsed()
    return lambda: start + elapsed()
