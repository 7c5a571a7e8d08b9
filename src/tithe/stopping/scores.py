"""Stop rules about scores on asked items, which cross-validation of each fit gives.

The asked are not the typical: under uncertainty sampling these scores run low, and they rise late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tithe.errors import ConfigError
from tithe.stopping.record import Record


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
        reached = history[-1].score("accuracy") if history else None
        if reached is not None and reached >= self.accuracy:
            return (
                f"accuracy on asked items is {reached:.3f}, the target was {self.accuracy:.3f} "
                f"(asked items are not the typical ones)"
            )
        return None


@dataclass(frozen=True)
class NoGain:
    """Stops when the score on asked items has not grown for some rounds.

    Stops once the best of the last `rounds` scores is at most `by` above the best before them. `score` names the score
    where a trainer gives several; by default its first. Hard items keep this score low under uncertainty sampling, so a
    standstill there need not mean one on typical items: take 3 rounds or more.

    Source: Laws and Schütze 2008, Stopping Criteria for Active Learning of Named Entity Recognition (their gradient
    criterion). Departs: best scores instead of the gradient of a moving average, since batches need not be equal.

    >>> rule = NoGain(rounds=2, by=0.005)
    >>> rule([Record(n, n, n, {"accuracy": one}) for n, one in enumerate([0.7, 0.8, 0.801, 0.79])])
    'accuracy on asked items has grown by 0.001 in 2 rounds (best 0.801, before 0.800); at most 0.005 counts as no gain'
    """

    rounds: int = 3
    by: float = 0.005
    score: str | None = None

    def __post_init__(self) -> None:
        if self.rounds < 1 or not 0 <= self.by < 1:
            raise ConfigError(
                f"no_gain takes 1 round or more and a gain `by` of at least 0 and below 1; "
                f"given {self.rounds} and {self.by}"
            )

    def __call__(self, history: Sequence[Record]) -> str | None:
        """The reason with both scores, once the last rounds brought no gain."""
        scores = [one for record in history if (one := record.score(self.score)) is not None]
        known = all(record.score(self.score) is not None for record in history[-self.rounds - 1 :])
        if len(scores) <= self.rounds or not known:
            return None
        before, now = max(scores[: -self.rounds]), max(scores[-self.rounds :])
        if now - before > self.by:
            return None
        name = self.score or next(iter(history[-1].asked))
        grown = f"grown by {now - before:.3f}" if now >= before else f"fallen by {before - now:.3f}"
        rounds = "1 round" if self.rounds == 1 else f"{self.rounds} rounds"
        return (
            f"{name.replace('_', ' ')} on asked items has {grown} in {rounds} (best {now:.3f}, before {before:.3f}); "
            f"at most {self.by:.3f} counts as no gain"
        )
