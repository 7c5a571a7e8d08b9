"""Stop rules about what labels cost: a budget, and a price for a label against the worth of a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tithe.errors import ConfigError
from tithe.stopping.record import Record


@dataclass(frozen=True)
class Budget:
    """Stops when the answers paid for reach `labels` (their cost, where the task has one).

    >>> Budget(100)([Record(3, 100, 100.0)])
    'the budget of 100 is spent'
    """

    labels: float

    def __post_init__(self) -> None:
        if not _above_zero(self.labels):
            raise ConfigError(f"a budget is a number of labels above 0; given {self.labels!r}")

    def __call__(self, history: Sequence[Record]) -> str | None:
        """The reason, once the cost of the last record is at least the budget."""
        if history and history[-1].cost >= self.labels:
            return f"the budget of {self.labels:g} is spent"
        return None


@dataclass(frozen=True)
class Price:
    """Stops when the next batch is expected to be worth less than it costs.

    `per_label` is the price of one answer (of a unit of cost, where the task has one) and `per_point` what one point
    (0.01) of the score on asked items is worth, in the same money. The curve of the last `window` rounds, fitted as
    score = a + b log(cost) by least squares, says what one more batch as large as the last would gain. Curves flatten
    on that scale too, so the expected gain is rather too high than too low. Cross-validated scores jump while labels
    are few: a wider window stops later and by mistake less often.
    Under uncertainty sampling they fall while the asked items get harder, and this stops too early (docs/log.md).

    Source: Dimitrakakis and Savu-Krohn 2008, Cost-minimising Strategies for Data Labelling: Optimal Stopping and
    Active Learning. Departs: their expected gain comes from a model of convergence on held-out data.

    >>> flat = [Record(n, 100 * n, 100.0 * n, {"accuracy": 0.9}) for n in range(1, 6)]
    >>> Price(per_label=0.5, per_point=20)(flat)
    'the next 100 labels cost 50 and are expected to gain 0.00 points, which are worth 0'
    """

    per_label: float
    per_point: float
    window: int = 5

    def __post_init__(self) -> None:
        if not (_above_zero(self.per_label) and _above_zero(self.per_point)) or self.window < 2:
            raise ConfigError(
                f"a price takes per_label and per_point above 0 and a window of 2 or more rounds; "
                f"given {self.per_label!r}, {self.per_point!r} and {self.window}"
            )

    def __call__(self, history: Sequence[Record]) -> str | None:
        """The reason with both sums, once the gain to expect of the next batch is worth less than its labels."""
        seen = list(history[-self.window :])
        curve = [(record.cost, score) for record in seen if (score := record.score()) is not None and record.cost > 0]
        if len(seen) < self.window or len(curve) < self.window:
            return None
        batch = curve[-1][0] - curve[-2][0]
        if batch <= 0:  # no answer came in since
            return None
        points = 100 * max(0.0, _slope(curve) * math.log1p(batch / curve[-1][0]))
        cost, worth = batch * self.per_label, points * self.per_point
        if worth >= cost:
            return None
        return (
            f"the next {batch:g} labels cost {cost:.4g} and are expected to gain {points:.2f} points, "
            f"which are worth {worth:.4g}"
        )


def _slope(curve: Sequence[tuple[float, float]]) -> float:
    """The least-squares slope of score on log(cost)."""
    logs = [math.log(cost) for cost, _ in curve]
    mean_log, mean = sum(logs) / len(logs), sum(score for _, score in curve) / len(curve)
    spread = sum((x - mean_log) ** 2 for x in logs)
    return sum((x - mean_log) * (score - mean) for x, (_, score) in zip(logs, curve, strict=True)) / spread


def _above_zero(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
