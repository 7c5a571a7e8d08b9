"""Audit items: how many are drawn, which, and when one is shown.

They are a uniform draw of all items, made before the first question. Nothing that trains, asks or serves ever sees
their answers, so the model is judged on what it has not chosen itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from tithe.errors import ConfigError
from tithe.rng import stream

MOST = 500
"""Audit items drawn at most: enough for an interval of ±.06 at any look. The rest of the pool is for training."""

SHARE_DRAWN = 5  # one item in five
EARLY = 20
"""Audit answers up to which they are asked faster: below them the interval is wider than ±.2 and says little."""

_FASTER, _HALF = 3.0, 0.5


def reserve(n_items: int) -> int:
    """How many audit items to draw from so many: one in five, 500 at most.

    >>> reserve(4), reserve(100), reserve(5452)
    (0, 20, 500)
    """
    return min(MOST, n_items // SHARE_DRAWN)


def draw_reserve(ids: Sequence[str], seed: int, n: int | None = None) -> tuple[str, ...]:
    """The audit items among these, in the order in which to show them: a uniform draw, whatever the order of the ids.

    n are drawn, by default `reserve` says how many; a longer draw begins with the shorter one.

    Items that are added later want a draw of their own (of `reserve` of them, behind what is left of the first): their
    audit answers then come last, and an estimate made before speaks of the items that were there.

    >>> draw_reserve(["a", "b", "c", "d", "e"], 0) == draw_reserve(["e", "d", "c", "b", "a"], 0)
    True
    """
    order = stream(seed, "audit").permutation(len(ids))
    sorted_ids = sorted(ids)
    return tuple(sorted_ids[row] for row in order[: reserve(len(ids)) if n is None else n].tolist())


def audit_due(answered: int, audit_answered: int, share: float) -> bool:
    """Whether the next item to show is an audit item.

    `share` of all answers are audit answers, three times as many (at most half, unless the share is more) until 20 of
    them are in. It depends on the counts alone, so a project that is opened again goes on where it was.

    Args:
        answered: answers so far, audit answers (skipped ones too) among them.
        audit_answered: audit items answered so far, skipped ones too.
        share: in [0, 1]; 0 asks for none.

    Raises ConfigError for a share outside.

    >>> [audit_due(n, 0, 0.1) for n in range(4)]  # three in ten at first: the fourth item
    [False, False, False, True]
    >>> audit_due(10, 3, 0.0), audit_due(0, 0, 1.0)
    (False, True)
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"the audit share lies between 0 and 1; given {share}")
    early = max(share, min(_FASTER * share, _HALF))
    if not share:
        return False
    faster_until = EARLY / early
    # The count that is wanted once the next answer is in; rounding must not push a whole number below itself.
    after = answered + 1
    wanted = early * min(after, faster_until) + share * max(0.0, after - faster_until)
    return audit_answered < int(wanted + 1e-9)
