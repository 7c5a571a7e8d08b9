"""Named random streams: every draw in tithe comes from `stream(seed, *path)`.

A stream depends on its seed and its path alone, never on how many numbers others have drawn, so results do not change
with the order of calls, the number of processes or a resume.
"""

from __future__ import annotations

import hashlib
from operator import index
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator


def stream(seed: int, *path: str | int) -> Generator:
    """A generator of its own for this seed and path, such as `stream(7, "round", 3, "query")`.

    Parts of the path are kept apart by their types and lengths: `("a", 1)`, `("a1",)` and `("a", "1")` differ.

    >>> a, b = stream(7, "round", 3, "query"), stream(7, "round", 3, "query")
    >>> bool(a.random() == b.random()), bool(stream(8, "x").random() == stream(7, "x").random())
    (True, False)
    """
    import numpy as np

    # numpy's own integers and strings have other reprs than Python's, and must name the same stream.
    parts = [str(part) if isinstance(part, str) else int(index(part)) for part in path]
    digest = hashlib.blake2b(repr((int(index(seed)), *parts)).encode(), digest_size=32).digest()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(np.frombuffer(digest, "<u4")))))
