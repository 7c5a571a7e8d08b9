"""What a stop rule sees of a round, and what a stop rule is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tithe.stats import Interval


@dataclass(frozen=True, eq=False)
class Record:
    """One round, as stop rules and people see it.

    `cost` is of all answers so far, in the task's unit; `labelled` counts items. `asked` holds scores on asked items,
    found by cross-validation: the asked are not the typical, so they are no estimate of accuracy. `guesses` is what the
    model predicts on the stop set, a fixed draw of the pool, as the task encodes labels: (s,) columns of a choice,
    (s, L) booleans of label sets, (T,) tags of the tokens for spans. `uncertainty`, in [0, 1], is the mean entropy over
    the items of the stop set that have no label yet. Both are None where there was no model. `audited`, the
    estimate on audit items with bounds that hold at every look (`tithe.loop.outlook`), is None where there are none.
    """

    round: int
    labelled: int
    cost: float
    asked: Mapping[str, float] = field(default_factory=dict)
    guesses: NDArray[Any] | None = None
    reason: str = ""
    fit_s: float = 0.0
    view_s: float = 0.0
    select_s: float = 0.0
    uncertainty: float | None = None
    stop_set: str = ""
    """Names what the stop set was drawn from, where that is not all items from the first round on."""
    audited: Interval | None = None

    def score(self, name: str | None = None) -> float | None:
        """The score of this name on asked items, or the first that there is; None where there is none.

        >>> Record(1, 20, 20.0, {"accuracy": 0.8}).score(), Record(1, 20, 20.0).score("accuracy")
        (0.8, None)
        """
        return next(iter(self.asked.values()), None) if name is None else self.asked.get(name)


class Stop(Protocol):
    """A stop rule. Stateless: all that it knows is the history."""

    def __call__(self, history: Sequence[Record]) -> str | None:
        """The reason to stop, in words; None to go on."""
