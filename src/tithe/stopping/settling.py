"""Stop rules about items that nobody labelled: predictions that have settled, and a pool that holds no doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tithe.errors import ConfigError
from tithe.stopping.record import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray


def kappa(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Cohen's agreement of two label arrays of one shape, 1 for equal ones. Booleans (s, L) count cell by cell.

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
    4 (1 - T) / T. On label sets each pair of item and label is one decision, and F1 is the micro average.

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
        last = history[-self.window - 1 :]
        guesses = [record.guesses for record in last]
        if len(guesses) <= self.window or any(g is None for g in guesses) or len({one.stop_set for one in last}) > 1:
            return None
        pairs = pairwise(guesses)
        agreement = [kappa(a, b) for a, b in pairs if a is not None and b is not None]
        mean, newest = sum(agreement) / len(agreement), agreement[-1]
        if mean <= self.threshold or newest <= 0:  # no bound where the last two do not agree at all
            return None
        bound = 4 * (1 - newest) / newest
        return (
            f"predictions have settled: the last {self.window + 1} models agree by kappa {mean:.4f} on average, "
            f"the last two by {newest:.4f}, so F1 changed by at most {bound:.3f} from one to the other"
        )


@dataclass(frozen=True)
class OverallUncertainty:
    """Stops when the model is sure of what is left.

    Stops once the mean entropy over the unlabelled items of the stop set, in [0, 1] (1: all labels equally likely),
    is below `threshold`. Probabilities must be honest for that; those of `linear` are calibrated.

    Source: Zhu, Wang and Hovy 2008, Multi-Criteria-Based Strategy to Stop Active Learning for Data Annotation.
    Departs: a fixed draw of the pool instead of all of it, and entropy over log C, so that a threshold means the same
    for any number of labels.

    >>> OverallUncertainty(0.1)([Record(4, 200, 200.0, uncertainty=0.08)])
    'the model is sure of the unlabelled items: their mean entropy is 0.080, below 0.100 of 1'
    """

    threshold: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ConfigError(f"overall_uncertainty takes a threshold between 0 and 1; given {self.threshold}")

    def __call__(self, history: Sequence[Record]) -> str | None:
        """The reason, once the last record's mean uncertainty is below the threshold."""
        left = history[-1].uncertainty if history else None
        if left is None or left >= self.threshold:
            return None
        return (
            f"the model is sure of the unlabelled items: their mean entropy is {left:.3f}, "
            f"below {self.threshold:.3f} of 1"
        )
