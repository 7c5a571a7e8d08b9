"""Stop rules: each looks at the history and gives the reason to stop in words, or None.

A rule only advises; the loop asks each after every round and stops at the first reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from tithe.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Record:
    """One round, as stop rules and people see it.

    `asked` holds scores on asked items, found by cross-validation: the asked are not the typical, so they are no
    estimate of accuracy. `guesses` (s,) are the columns that the model predicts on the stop set, a fixed draw of the
    pool; None where there was no model.
    """

    round: int
    labelled: int
    cost: float
    asked: Mapping[str, float] = field(default_factory=dict)
    guesses: NDArray[np.int64] | None = None
    reason: str = ""
    fit_s: float = 0.0
    view_s: float = 0.0
    select_s: float = 0.0


class Stop(Protocol):
    """A stop rule. Stateless: all that it knows is the history."""

    def __call__(self, history: Sequence[Record]) -> str | None:
        """The reason to stop, in words; None to go on."""


@dataclass(frozen=True)
class Budget:
    """Stops when the labels paid for reach `labels` (their cost, where the task has one).

    >>> Budget(100)([Record(3, 100, 100.0)])
    'the budget of 100 is spent'
    """

    labels: float

    def __post_init__(self) -> None:
        try:
            positive = self.labels > 0
        except TypeError:  # a word on the command line
            positive = False
        if not positive:
            raise ConfigError(f"a budget is a number of labels above 0; given {self.labels!r}")

    def __call__(self, history: Sequence[Record]) -> str | None:
        """The reason, once the cost of the last record is at least the budget."""
        if history and history[-1].cost >= self.labels:
            return f"the budget of {self.labels:g} is spent"
        return None


@dataclass(frozen=True)
class Target:
    """Stops when a score on asked items reaches a target.

    Asked items are harder than typical ones under uncertainty sampling, so this stops late rather than early there.
    """

    accuracy: float

    def __post_init__(self) -> None:
        if not 0 < self.accuracy <= 1:
            raise ConfigError(f"a target accuracy is above 0 and at most 1; given {self.accuracy}")

    def __call__(self, history: Sequence[Record]) -> str | None:
        """The reason, once the last record's accuracy on asked items is at least the target."""
        reached = history[-1].asked.get("accuracy") if history else None
        if reached is not None and reached >= self.accuracy:
            return (
                f"accuracy on asked items is {reached:.3f}, the target was {self.accuracy:.3f} "
                f"(asked items are not the typical ones)"
            )
        return None


def kappa(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Cohen's agreement of two label arrays (s,), 1 for equal ones.

    Source: Cohen 1960, A Coefficient of Agreement for Nominal Scales.

    >>> import numpy as np
    >>> round(kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])), 3)
    0.5
    """
    import numpy as np

    observed = float((a == b).mean())
    columns = np.union1d(a, b)
    expected = float(sum((a == c).mean() * (b == c).mean() for c in columns))
    return 1.0 if expected == 1.0 else (observed - expected) / (1.0 - expected)


@dataclass(frozen=True)
class Stabilising:
    """Stops when the predictions on unlabelled items have settled.

    Stops once the agreement of consecutive models on the stop set, averaged over the last `window` pairs, is above
    `threshold`. If two models agree by kappa T, the F-measure of one against the other's truth can differ by at most
    4 (1 - T) / T.

    Source: Bloodgood and Vijay-Shanker 2009, A Method for Stopping Active Learning Based on Stabilizing Predictions;
    the bound: Bloodgood and Grothendieck 2013, Analysis of Stopping Active Learning based on Stabilizing Predictions.
    """

    threshold: float = 0.99
    window: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1 or self.window < 1:
            raise ConfigError(
                f"stabilising takes a threshold between 0 and 1 and a window of 1 or more; "
                f"given {self.threshold} and {self.window}"
            )

    def __call__(self, history: Sequence[Record]) -> str | None:
        """The reason with the bound, once the mean agreement of the window is above the threshold."""
        guesses = [record.guesses for record in history[-self.window - 1 :]]
        if len(guesses) <= self.window or any(g is None for g in guesses):
            return None
        pairs = pairwise(guesses)
        agreement = [kappa(a, b) for a, b in pairs if a is not None and b is not None]
        mean, last = sum(agreement) / len(agreement), agreement[-1]
        if mean <= self.threshold or last <= 0:  # no bound where the last two do not agree at all
            return None
        bound = 4 * (1 - last) / last
        return (
            f"predictions have settled: the last {self.window + 1} models agree by kappa {mean:.4f} on average, "
            f"the last two by {last:.4f}, so F1 changed by at most {bound:.3f} from one to the other"
        )
