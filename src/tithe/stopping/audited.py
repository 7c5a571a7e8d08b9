"""The stop rule about audit items, which nobody chose and nothing trains on: the only one that knows how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tithe.errors import ConfigError
from tithe.stopping.record import Record


@dataclass(frozen=True)
class AuditTarget:
    """Stops when the estimate on audit items is at least `score` beyond reasonable doubt: its lower bound is.

    The bound holds at every look, so it may be watched. It serves any task: the estimate is the share of items that are
    right for a choice, and the mean of 1 - distance for label sets and spans. A lower bound needs many items: of 200,
    193 must be right for .9.

    >>> from tithe.stats import anytime_share
    >>> rule = AuditTarget(0.9)
    >>> rule([Record(4, 200, 200.0, audited=anytime_share(97, 100))]) is None
    True
    >>> rule([Record(4, 200, 200.0, audited=anytime_share(194, 200))])
    'the score on audit items is 0.970 and very likely at least 0.909; the target was 0.900'
    """

    score: float

    def __post_init__(self) -> None:
        if not 0 < self.score <= 1:
            raise ConfigError(f"a target on audit items is above 0 and at most 1; given {self.score}")

    def __call__(self, history: Sequence[Record]) -> str | None:
        """The reason, once the lower bound of the last record's audit estimate is at least the target."""
        found = history[-1].audited if history else None
        if found is None or found.low < self.score:
            return None
        return (
            f"the score on audit items is {found.mean:.3f} and very likely at least {found.low:.3f}; "
            f"the target was {self.score:.3f}"
        )
